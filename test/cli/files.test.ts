/** Programs that cannot be read, and files that are not written: the rows C-01 to C-10 of the list of bad inputs. */
import { mkdirSync, symlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type FailedDocument, reluProgram, Workspace } from './workspace.ts'

const work = new Workspace()
const text = JSON.stringify(reluProgram(), null, 1)
work.write('relu.json', text)

describe('files that are no programs', () => {
  it.each([
    ['not JSON', 'hello', 'E501'],
    ['an empty file', '', 'E501'],
    ['a truncated file', text.slice(0, 200), 'E501'],
    ['a comment', `// mine\n${text}`, 'E501'],
    ['a member twice', text.replace('"format"', '"format": "x", "format"'), 'E502'],
    ['a number that loses digits', text.replace('"idx": 0', '"idx": 90071992547409931'), 'E503'],
    ['JSON of another kind', '{"x": [1, 2]}', 'E504'],
    ['a list', '[]', 'E504'],
    ['a newer version', text.replace('"format_version": 1', '"format_version": 2'), 'E505'],
  ])('%s: exit 3', async (_, content, code) => {
    work.write('bad.json', content)
    for (const command of ['run', 'show', 'check', 'stats', 'fmt']) {
      const { error } = await work.document<FailedDocument>([command, 'bad.json'], 3)
      expect(error.code).toBe(code)
      expect(error.where).toMatchObject({ file: 'bad.json' })
      expect(error.where?.['line']).toBeGreaterThan(0)
    }
  })

  it('nesting without end: exit 6', async () => {
    work.write('deep.json', '['.repeat(100_000))
    expect((await work.document<FailedDocument>(['show', 'deep.json'], 6)).error.code).toBe('E602')
  })

  it('a wrong member tells line and column: exit 3', async () => {
    work.write('typo.json', text.replace('"need_check_feed": true', '"need_check_feed": "yes"'))
    const { error } = await work.document<FailedDocument>(['run', 'typo.json'], 3)
    expect(error.code).toBe('E506')
    const line =
      work
        .read('typo.json')
        .split('\n')
        .findIndex((each) => each.includes('"yes"')) + 1
    expect(error.where).toMatchObject({ file: 'typo.json', line })
  })

  it('an attribute of the wrong type is a fault of the file: exit 3', async () => {
    const ops = [{ type: 'scale', inputs: { X: ['x'] }, outputs: { Out: ['y'] }, attrs: { scale: 'two' } }]
    work.write('attr.json', reluProgram({ ops }))
    const { error } = await work.document<FailedDocument>(['run', 'attr.json'], 3)
    expect(error.code).toBe('E201')
  })

  it('a PNG: exit 3, and what it is', async () => {
    work.write('bad.json', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10))
    for (const command of ['run', 'show', 'check', 'stats', 'fmt']) {
      const { error } = await work.document<FailedDocument>([command, 'bad.json'], 3)
      expect(error.code).toBe('E529')
      expect(error.message).toContain('a PNG image')
      expect(error.where).toMatchObject({ file: 'bad.json' })
    }
  })

  it('a .pdmodel that was cut off: exit 3, with the byte', async () => {
    work.write('m.pdmodel', Uint8Array.of(0x0a, 0x20, 0x08, 0, 0x10, 0xff, 0xff))
    const { error } = await work.document<FailedDocument>(['show', 'm.pdmodel'], 3)
    expect(error.code).toBe('E527')
    expect(error.where).toMatchObject({ file: 'm.pdmodel', offset: 1 })
  })

  it('no such file, a folder without main.json, /dev/zero', async () => {
    expect((await work.document<FailedDocument>(['show', 'nope.json'], 3)).error.code).toBe('E520')
    mkdirSync(work.path('empty'))
    expect((await work.document<FailedDocument>(['show', 'empty'], 3)).error.code).toBe('E523')
    expect((await work.document<FailedDocument>(['show', '/dev/zero'], 6)).error.code).toBe('E601')
  })

  it('names with escapes do not steer the terminal', async () => {
    const { stderr, code } = await work.run(['show', 'a\x1b[31m\nb.json'])
    expect(code).toBe(3)
    expect(stderr).not.toContain('\x1b')
  })
})

describe('outputs', () => {
  it('are not replaced without -f', async () => {
    work.write('old.json', 'old')
    const { error } = await work.document<FailedDocument>(['fmt', 'relu.json', '-o', 'old.json'], 2)
    expect(error.code).toBe('E706')
    expect(work.read('old.json')).toBe('old')
    expect((await work.run(['fmt', 'relu.json', '-o', 'old.json', '-f'])).code).toBe(0)
    expect(work.read('old.json')).toContain('oarlock-program')
  })

  it('may be the input', async () => {
    work.write('same.json', text)
    expect((await work.run(['fmt', 'same.json', '-o', 'same.json', '-f'])).code).toBe(0)
    expect((await work.run(['fmt', 'same.json', '--check'])).code).toBe(0)
  })

  it('through a link its target is replaced, not the link', async () => {
    work.write('target.json', 'old')
    symlinkSync(work.path('target.json'), work.path('link.json'))
    expect((await work.run(['fmt', 'relu.json', '-o', 'link.json', '-f'])).code).toBe(0)
    expect(work.read('target.json')).toContain('oarlock-program')
  })

  it('into a folder that is not there: exit 3, nothing left behind', async () => {
    expect((await work.document<FailedDocument>(['fmt', 'relu.json', '-o', 'no/where.json'], 3)).error.code).toBe(
      'E522',
    )
    expect(work.list().filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})
