/** Where optimizers and mixed precision knowingly differ from Paddle 2.6.2; docs/differences.md lists them. What an operator differs in is said in its definition. */
export const TRAINING_DIFFERENCES: readonly { readonly subject: string; readonly difference: string }[] = [
  {
    subject: 'ClipGradByGlobalNorm',
    difference:
      "float32 gradients beside float64 ones are multiplied by the factor cast to float32, as in Paddle's dygraph. Its programs lack that cast and fail when they run.",
  },
  {
    subject: 'amp.decorate with masterGrad',
    difference:
      "A parameter's own regularizer counts. Paddle casts the parameter first and forgets it: the optimizer's decay takes its place, and where there is none minimize fails.",
  },
  {
    subject: 'Executor after amp.decorate at O2',
    difference:
      'A parameter that the program wants in a half type and that is still float32 is refused (E107) until ampInit was called. Paddle runs whatever type it finds.',
  },
  {
    subject: 'Optimizer.step',
    difference:
      'Parameters are updated in the order of their names, as in a program; Paddle takes that of the list. This can change the last bits of a global norm.',
  },
  {
    subject: 'Ftrl',
    difference: 'Paddle 2.6.2 has the operator and no class. The class has the options of the one in earlier versions.',
  },
]
