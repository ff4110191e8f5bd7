/** The JSON Schema of program files, from the schemas that they are checked with. Apart from these, since no program needs it to run. */
import * as z from 'zod/mini'
import { type JsonSchema, jsonSchemas, listElements, programSchema, scalarSchema } from './program_schema.ts'

function toJsonSchema(schema: z.ZodMiniType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-7',
    metadata: jsonSchemas,
    override({ zodSchema, jsonSchema }) {
      if (jsonSchema.additionalProperties === false) jsonSchema.patternProperties = { '^(\\$|x_)': {} }
      const element = listElements.get(zodSchema)
      if (element !== undefined) jsonSchema.items = toJsonSchema(element)
    },
  })
  return rest
}

/** The draft-07 JSON Schema of program files. */
export function programJsonSchema(): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'oarlock program',
    description: "A program in PaddlePaddle's Program, Block, Operator model, as JSON.",
    ...toJsonSchema(programSchema),
    definitions: { scalar: scalarSchema('value'), scalars: scalarSchema('values') },
  }
}
