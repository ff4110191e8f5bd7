/** `learning_rate` to `learningRate`: names of Paddle's arguments as options here. */
export const camelCase = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
