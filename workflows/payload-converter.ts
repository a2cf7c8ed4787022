import {
  type ConverterHint,
  defaultPayloadConverter,
  type Payload,
  type PayloadConverter,
  type SerializationContext,
} from '@temporalio/common';

/** What stands in the place of a payload that can't be decoded: no decision, no request, nothing that could be taken for one. */
export const unreadable = '(a payload that can not be decoded)';

/**
 * Temporal's own converter, except that it never throws on what it is given. A signal is in the history for good before
 * anybody has decoded it: an error there fails the workflow's task again and again, so that one misshapen signal would
 * stop a phase for ever. So would a start with an input that can't be decoded.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value, context, hint) => defaultPayloadConverter.toPayload(value, context, hint),
  fromPayload<T>(payload: Payload, context?: SerializationContext, hint?: ConverterHint<T>): T {
    try {
      return defaultPayloadConverter.fromPayload<T>(payload, context, hint);
    } catch {
      return unreadable as T;
    }
  },
};
