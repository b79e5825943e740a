export { encodeFrame, FrameDecoder, splitTexts } from './frame.ts';
export type { Frame } from './frame.ts';
export {
  ABSOLUTE_PATH_BYTES_MAX,
  HEADER_BYTES,
  PAYLOAD_BYTES_MAX,
  RELATIVE_PATH_BYTES_MAX,
} from './limits.ts';
export { findMessageName, MessageType, WIRE_ERRORS } from './message-type.ts';
export type { MessageName, RequestName, WireError } from './message-type.ts';
export { isPath, isSpecialPath } from './path.ts';
export { decodeRequest, encodeRequest } from './request.ts';
export type { BadRequest, Request, RequestIds } from './request.ts';
