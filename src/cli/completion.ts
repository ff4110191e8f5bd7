/** `oarlock completion`: scripts for shells. They ask `oarlock __complete` each time, so that they never go stale. */
import { NotFoundError, suggest } from '../errors.ts'
import type { CommandDefinition } from './command.ts'

const BASH = `# oarlock completion for bash:  oarlock completion bash > ~/.local/share/bash-completion/completions/oarlock
_oarlock() {
  local line files=
  local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  while IFS= read -r line; do
    if [ "$line" = ":files" ]; then files=1; else COMPREPLY+=("$line"); fi
  done < <(oarlock __complete -- "\${words[@]}" 2>/dev/null)
  if [ -n "$files" ]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
  fi
}
complete -F _oarlock oarlock
`

const ZSH = `#compdef oarlock
# oarlock completion for zsh:  oarlock completion zsh > "\${fpath[1]}/_oarlock"
_oarlock() {
  local line files=
  local -a found
  for line in "\${(@f)$(oarlock __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == ":files" ]]; then files=1; elif [[ -n $line ]]; then found+=("$line"); fi
  done
  (( \${#found} )) && compadd -Q -- "\${(@)found}"
  [[ -n $files ]] && _files
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _oarlock "$@"; else compdef _oarlock oarlock; fi
`

const FISH = `# oarlock completion for fish:  oarlock completion fish > ~/.config/fish/completions/oarlock.fish
function __oarlock_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (oarlock __complete -- $words[2..-1] 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c oarlock -f -a '(__oarlock_complete)'
`

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH }

export const completion: CommandDefinition = {
  usage: 'SHELL',
  examples: [
    ['source <(oarlock completion bash)', 'for this session'],
    ['oarlock completion fish > ~/.config/fish/completions/oarlock.fish', 'for good'],
  ],
  exits: {},
  notes: 'SHELL is bash, zsh or fish.',
  define(command) {
    command.argument('<SHELL>')
  },
  async run({ args }, { io, out }) {
    const shell = args[0]!
    const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell]! : undefined
    if (script === undefined) {
      const shells = Object.keys(SCRIPTS)
      throw new NotFoundError('E705', `there is no completion for "${shell}"`, {
        got: shell,
        expected: shells,
        hint: suggest(shell, shells) ?? `it is there for ${shells.join(', ')}`,
      })
    }
    if (out.json) out.document({ ok: true, command: 'completion', shell, script })
    else io.stdout.write(script)
    return 0
  },
}
