/**
 * What can be wrong with an image file. The codes are the application's own, beside those of oarlock's catalogue; all of them end the command
 * with exit code 3, a fault in a file.
 */
import { EnforceError, type ErrorCategory, type ErrorDetails } from '../../src/index.ts'

const KINDS = {
  /** The content is neither PNG nor JPEG. */
  IMAGE_KIND: 'InvalidArgument',
  /** The file breaks off, or says something that its format does not allow. */
  IMAGE_CORRUPT: 'InvalidArgument',
  /** More pixels or bytes than the limits allow. */
  IMAGE_TOO_LARGE: 'ResourceExhausted',
  /** A kind of PNG or JPEG that is not read here. */
  IMAGE_UNSUPPORTED: 'Unimplemented',
  /** No file, no right to read it, or a folder without images. */
  IMAGE_FILE: 'NotFound',
} as const satisfies Record<string, ErrorCategory>

export function imageError(code: keyof typeof KINDS, summary: string, details: ErrorDetails = {}): EnforceError {
  return new EnforceError(KINDS[code], code, summary, details)
}
