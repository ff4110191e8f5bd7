/** Names from files that become paths, or come from archives: they must not lead out of their folder. */

/** True for a name that stays inside: no root, no drive, no `..`, no backslash, no NUL. Slashes make folders. */
export const staysInside = (name: string): boolean =>
  name !== '' && !/[\0\\]|^\/|^[A-Za-z]:/.test(name) && !name.split('/').includes('..')
