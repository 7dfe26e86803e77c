// A failure on its way to a person: the code decides the words, the message is the detail.

/** @import { Failure, FailureCode } from '../types' */

export class Failed extends Error {
  /** @param {FailureCode} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }

  /** As it is stored and sent. @returns {Failure} */
  plain() {
    return { code: this.code, message: this.message };
  }
}

/** Any exception as a failure. @param {unknown} error @returns {Failure} */
export function failureOf(error) {
  return error instanceof Failed ? error.plain() : { code: 'internal', message: String(error) };
}
