/**
 * Copies of buffers and of views on them. A view that is all there is of its buffer becomes bytes
 * of its type. Views that share a buffer share bytes: all but one become objects that name the
 * bytes, the type and the part. `heap.toJS` makes the same buffers and views of that.
 */

import { types } from 'node:util';
import { NotShareableError } from './base/errors.ts';
import { copyIn, typeNumberOf, viewTypeOfNumber } from './bytes.ts';
import { HEADER_WORDS, type ObjectRef, VALUE_WORDS } from './memory/layout.ts';
import { bytesTypeOf } from './object/bytes.ts';
import { decref } from './object/dealloc.ts';
import { incref } from './object/refcount.ts';
import { shapeOf } from './object/shape.ts';
import { createStruct } from './object/struct.ts';
import { type StructLayout, specialName } from './object/struct-layout.ts';
import { storeTracked } from './object/tracking.ts';
import { encodeNumber, encodeReference } from './object/value.ts';
import type { Session } from './session.ts';

/** The name of the shape of objects that stand for a view on bytes that something else has, too. */
export const VIEW_NAME = specialName('View');
/** Its properties. `type` as in bytes.ts; `length` in elements, of a DataView and 0 in bytes. */
export const VIEW_PROPERTIES = ['bytes', 'type', 'byteOffset', 'length'];

/** The copies that one call of `heap.from` makes. */
export interface Copies {
  readonly session: Session;
  readonly storages: Storages;
}

/** The bytes of buffers that were met, by buffer. Borrowed from the copies that hold them. */
export class Storages {
  readonly #bytes = new Map<ArrayBufferLike, ObjectRef>();

  /** The copy of a buffer or view; the caller owns one count. @throws NotShareableError */
  copy(session: Session, source: ArrayBuffer | ArrayBufferView, path: () => string): ObjectRef {
    const buffer = ArrayBuffer.isView(source) ? source.buffer : source;
    checkBuffer(buffer as ArrayBuffer, path);
    // Small Buffers are parts of a pool that means nothing to the program.
    if (Buffer.isBuffer(source)) return copyIn(session, source);
    const known = this.#bytes.get(buffer);
    if (known === undefined && source.byteLength === buffer.byteLength) {
      const bytes = copyIn(session, source);
      this.#bytes.set(buffer, bytes);
      return bytes;
    }
    const isBuffer = !ArrayBuffer.isView(source);
    if (known !== undefined && isBuffer && bytesTypeOf(session.mem, known) === 0) {
      incref(session.mem, known);
      return known;
    }
    return this.#createView(session, source, buffer as ArrayBuffer);
  }

  #createView(
    session: Session,
    source: ArrayBuffer | ArrayBufferView,
    buffer: ArrayBuffer,
  ): ObjectRef {
    const { mem } = session;
    let bytes = this.#bytes.get(buffer);
    if (bytes === undefined) bytes = copyIn(session, buffer);
    else incref(mem, bytes);
    let view: ObjectRef;
    try {
      view = createStruct(mem, viewShape(session).kind);
    } catch (error) {
      decref(mem, bytes);
      throw error;
    }
    this.#bytes.set(buffer, bytes);
    fillView(session, view, bytes, source);
    return view;
  }
}

function viewShape(session: Session): StructLayout {
  return shapeOf(session.mem, VIEW_NAME, VIEW_PROPERTIES) as StructLayout;
}

function fillView(
  { mem }: Session,
  view: ObjectRef,
  bytes: ObjectRef,
  source: ArrayBuffer | ArrayBufferView,
): void {
  const { byteLength } = source;
  const type = typeNumberOf(source);
  const size = (viewTypeOfNumber(type) as { BYTES_PER_ELEMENT?: number })?.BYTES_PER_ELEMENT ?? 1;
  const byteOffset = ArrayBuffer.isView(source) ? source.byteOffset : 0;
  const at = view + HEADER_WORDS;
  encodeReference(bytes);
  storeTracked(mem, view, at);
  [type, byteOffset, byteLength / size].forEach((number, i) => {
    encodeNumber(number);
    storeTracked(mem, view, at + VALUE_WORDS * (i + 1));
  });
}

/** Node 20 cannot be asked: nothing can be made of a buffer that is not there any more. */
function isDetached(buffer: ArrayBuffer): boolean {
  if (buffer.byteLength !== 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

function checkBuffer(buffer: ArrayBuffer & { resizable?: boolean }, path: () => string): void {
  if (!types.isArrayBuffer(buffer)) {
    throw new NotShareableError(path(), 'it is, or is a view of, memory that is shared already');
  }
  if (isDetached(buffer)) throw new NotShareableError(path(), 'its buffer was transferred');
  if (buffer.resizable === true) {
    throw new NotShareableError(path(), 'it is, or is a view of, a buffer that can be resized');
  }
}
