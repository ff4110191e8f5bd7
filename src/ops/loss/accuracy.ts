/** accuracy: how many rows have their label among the predicted classes. */
import { InvalidArgumentError } from '../../errors.ts'
import { defineOp, one } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { formatShape } from '../../tensor/shape.ts'

export const accuracy = defineOp({
  type: 'accuracy',
  doc: 'The part of the rows whose label is among the k predicted classes in Indices (as top_k gives them), and the counts behind it.',
  source: 'paddle/phi/kernels/cpu/accuracy_kernel.cc',
  inputs: {
    Out: one('[N, k], the values of the predictions; only their shape is read.', FLOATS),
    Indices: one('[N, k], the predicted classes.', ['int64']),
    Label: one('[N, 1], the right classes.', ['int64']),
  },
  outputs: {
    Accuracy: one('0-D float32: Correct / Total, 0 without rows.'),
    Correct: one('0-D int32: rows that are right.'),
    Total: one('0-D int32: rows.'),
  },
  attrs: {},
  inferMeta({ Out, Indices, Label }, _attrs, { atRun }) {
    const rows = Indices.shape[0]
    const fits =
      Out.shape.length === 2 &&
      Indices.shape.length === 2 &&
      Label.shape.length >= 1 &&
      Label.shape.length <= 2 &&
      [Out.shape[0], Label.shape[0]].every((count) => count === rows || count! < 0 || rows! < 0) &&
      (Label.shape[1] ?? 1) <= 1
    if (!fits) {
      throw new InvalidArgumentError(
        'E203',
        `accuracy: Out and Indices must be [N, k] and Label [N, 1], got ${formatShape(Out.shape)}, ${formatShape(Indices.shape)} and ${formatShape(Label.shape)}`,
        { got: { Out: Out.shape, Indices: Indices.shape, Label: Label.shape } },
      )
    }
    return {
      Accuracy: { dtype: 'float32', shape: [] },
      // Paddle's inference gives the counts the type of Out; its kernel writes int32.
      Correct: { dtype: atRun ? 'int32' : Out.dtype, shape: [] },
      Total: { dtype: atRun ? 'int32' : Out.dtype, shape: [] },
    }
  },
  grad: 'none',
  kernels: {
    cpu({ Indices, Label }, _attrs, { Accuracy, Correct, Total }) {
      const [rows, k] = Indices.shape as [number, number]
      let correct = 0
      for (let row = 0; row < rows; row++) {
        const label = Label.data[row]!
        if (label < 0) {
          throw new InvalidArgumentError('E224', `accuracy: label ${label} of row ${row} is negative`, {
            where: { opType: 'accuracy', slot: 'Label' },
            expected: '0 or more',
            got: label,
          })
        }
        for (let i = row * k; i < (row + 1) * k; i++) {
          if (Indices.data[i] !== label) continue
          correct++
          break
        }
      }
      Accuracy.data[0] = rows === 0 ? 0 : correct / rows
      Correct.data[0] = correct
      Total.data[0] = rows
    },
  },
})
