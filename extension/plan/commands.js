// A stream, or files, as a command line for this or another program, to be pasted into a POSIX shell: with what the page
// asks with. Pure. aria2 is for files alone: it reads no playlists.

import { cookieHeader } from './cookies.js';

/** @import { Cookie, GivenKey, Header, Tool } from '../types' */

/** The programs, as they are called. @type {readonly Tool[]} */
export const TOOLS = ['weir', 'ffmpeg', 'yt-dlp', 'N_m3u8DL-RE'];

/** What ends the text that is typed for the cookies. No line of a cookie can be it. */
const END = 'END_OF_COOKIES';

/** What ends the list of files. Its lines are addresses, and what is indented. */
const END_OF_FILES = 'END_OF_FILES';

/**
 * @typedef {object} Asking
 * @property {string} url of the first-level playlist
 * @property {Header[]} headers that the page sends for it
 * @property {Cookie[]} cookies of its hosts
 * @property {string | null} cookie the header of them for `url`
 * @property {GivenKey} [given] instead of the playlist's keys: weir has words for it
 * @property {number | null} height of the quality that was chosen; null for the best
 * @property {string} title of the page
 */

/** @param {Tool} tool @param {Asking} asking */
export function commandFor(tool, asking) {
  const { url, cookie, height, title } = asking;
  const headers = [...asking.headers, ...(cookie === null ? [] : [{ name: 'Cookie', value: cookie }])];
  const lines = headers.map(({ name, value }) => `${name}: ${value}`);
  const name = title.replace(/[\p{Cc}/\\:*?"<>|]+/gu, ' ').trim() || 'stream';
  switch (tool) {
    case 'weir':
      return weir(asking);
    case 'ffmpeg': {
      // It wants them in one text, with the ends of lines that HTTP has.
      const format = lines.map(() => '%s').join('\\r\\n');
      const all = lines.length === 0 ? '' : ` -headers "$(printf '${format}' ${lines.map(quoted).join(' ')})"`;
      return `ffmpeg${all} -i ${quoted(url)} -c copy ${quoted(`./${name}.mp4`)}`;
    }
    case 'yt-dlp': {
      const format = height === null ? [] : ['-f', `bv*[height<=${height}]+ba/b[height<=${height}]`];
      const words = [...lines.flatMap((line) => ['--add-header', line]), ...format, '-o', `${name.replaceAll('%', '%%')}.%(ext)s`];
      return ['yt-dlp', ...words.map(quoted), '--', quoted(url)].join(' ');
    }
    case 'N_m3u8DL-RE': {
      const words = [...lines.flatMap((line) => ['-H', line]), '--save-name', name, '--auto-select'];
      return ['N_m3u8DL-RE', quoted(url), ...words.map(quoted)].join(' ');
    }
  }
}

/**
 * Files for aria2, each with what it is asked for with.
 * @param {string[]} urls of the web @param {Header[]} headers of all @param {Cookie[]} cookies of their hosts
 */
export function filesCommand(urls, headers, cookies) {
  const lines = urls.flatMap((url) => {
    const cookie = cookieHeader([url], cookies);
    const all = [...headers, ...(cookie === null ? [] : [{ name: 'Cookie', value: cookie }])];
    return [new URL(url).href, ...all.map(({ name, value }) => ` header=${name}: ${value}`)];
  });
  return `aria2c --input-file=- <<'${END_OF_FILES}'\n${lines.join('\n')}\n${END_OF_FILES}`;
}

/** Cookies go by their hosts and paths, as in a browser. @param {Asking} asking */
function weir({ url, headers, cookies, height, given }) {
  const words = headers.flatMap(({ name, value }) => ['-H', `${name}: ${value}`]);
  if (height !== null) words.push('--quality', `${height}p`);
  if (given?.hex) words.push('--key', given.hex);
  if (given?.iv) words.push('--iv', given.iv);
  const command = ['weir get', ...words.map(quoted), quoted(url)].join(' ');
  if (cookies.length === 0) return command;
  const jar = cookies.map(({ name, value, domain, hostOnly, path, secure }) =>
    [hostOnly ? domain : `.${domain.replace(/^\./, '')}`, word(!hostOnly), path, word(secure), 0, name, value].join('\t'),
  );
  return `${command} --cookies /dev/stdin <<'${END}'\n${jar.join('\n')}\n${END}`;
}

/** As files of cookies have it. @param {boolean} is */
const word = (is) => (is ? 'TRUE' : 'FALSE');

/** One word of a shell, whatever is in it. @param {string} text */
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
