// Do decrypted bytes begin as media does? A wrong key gives bytes that look random: what is asked for here they have by
// chance once in 2^24 tries, or less. Pure.

/** Lengths of a transport stream's packets: plain, with a time stamp, with a check sum. */
const PACKET_LENGTHS = [188, 192, 204];

/** How many packets must begin with the sync byte; fewer where there are no more. */
const PACKETS = 5;
const FEWEST_PACKETS = 3;

/** How far the first packet may be from the beginning: some segments begin with a picture. */
const MAX_LEAD = 4096;

/** Boxes that a segment of fragmented MP4, or its initialization section, begins with (ISO/IEC 14496-12). */
const FIRST_BOXES = new Set(['ftyp', 'styp', 'moov', 'moof', 'sidx', 'emsg', 'prft', 'free', 'skip', 'uuid']);

/** @param {Uint8Array} bytes the beginning of a segment */
export const isMedia = (bytes) => isTransportStream(bytes) || isMp4(bytes) || isPackedAudio(bytes) || isWebVtt(bytes);

/** @param {Uint8Array} bytes */
function isTransportStream(bytes) {
  for (let lead = 0; lead < Math.min(bytes.length, MAX_LEAD); lead += 1) {
    if (bytes[lead] === 0x47 && PACKET_LENGTHS.some((length) => isInStep(bytes, lead, length))) return true;
  }
  return false;
}

/** @param {Uint8Array} bytes @param {number} first @param {number} length */
function isInStep(bytes, first, length) {
  const there = Math.floor((bytes.length - first) / length);
  // What is found by looking around must be longer in step than what is where it belongs.
  const wanted = first === 0 ? Math.max(Math.min(there, PACKETS), FEWEST_PACKETS) : PACKETS;
  const heads = Array.from({ length: wanted }, (_, packet) => bytes[first + packet * length]);
  return there >= wanted && heads.every((byte) => byte === 0x47);
}

/** @param {Uint8Array} bytes */
function isMp4(bytes) {
  const size = number(bytes, 0);
  // 1: the size comes after the type.
  return FIRST_BOXES.has(text(bytes, 4, 8)) && (size >= 8 || size === 1);
}

/** A time stamp in an ID3 tag (RFC 8216, 3.4), or frames of AAC one after the other. @param {Uint8Array} bytes */
function isPackedAudio(bytes) {
  const [, , , version = 255, revision = 255, , ...size] = bytes.subarray(0, 10);
  if (text(bytes, 0, 3) === 'ID3')
    return version < 5 && revision < 255 && size.length === 4 && size.every((byte) => byte < 128);
  let at = 0;
  for (let frame = 0; frame < 3; frame += 1) {
    const [first = 0, second = 0, , high = 0, middle = 0, low = 0] = bytes.subarray(at, at + 7);
    if (first !== 0xff || (second & 0xf6) !== 0xf0) return false;
    const length = ((high & 3) << 11) | (middle << 3) | (low >> 5);
    if (length < 7) return false;
    at += length;
  }
  return true;
}

/** @param {Uint8Array} bytes */
const isWebVtt = (bytes) => /^(\xef\xbb\xbf)?WEBVTT[ \t\r\n]/.test(text(bytes, 0, 10));

/** @param {Uint8Array} bytes @param {number} from @param {number} to */
const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));

/** @param {Uint8Array} bytes @param {number} at */
const number = (bytes, at) =>
  bytes.length < at + 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0);
