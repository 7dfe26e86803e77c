// What the extension's parts hand to each other. What travels to the host and back is in generated/protocol.d.ts, what
// the engine takes and gives in generated/weir_wasm.d.ts: both are made from the Rust code.

import type {
  CaptureAction,
  CapturePlan,
  Cookie,
  DownloadItem,
  ErrorCode,
  Header,
  JobState,
  RefreshFailure,
  SegmentCounts,
  Settings,
  Verdict,
} from './generated/protocol';
import type {
  Candidate,
  MediaSummary,
  MultivariantSummary,
  Observation,
  PlanRequest,
  Summary,
  VariantSummary,
} from './generated/weir_wasm';

/** A playlist that a tab asked for. */
export interface Playlist {
  /** Where it is, without a fragment; of one that was made in a page the page's address, with one. */
  url: string;
  /** True when the page made its text: it has no address, and can be had nowhere else. */
  made: boolean;
  /** True when the page itself has asked for it, or made it. */
  ofPage: boolean;
  /** False for what is no stream of its own: subtitles, pictures for a seek bar. */
  shown: boolean;
  /** Null until its text was read. */
  summary: MultivariantSummary | MediaSummary | null;
  /** The first resource that it names, without its query: tells two playlists of one path apart. */
  signature: string;
  /** The headers that the page sent for it, secret: in memory and session storage only. */
  headers: Header[];
  /** What a person gave instead of its keys, secret as well. */
  given?: GivenKey;
  /** The frame that asked, as far as the browser tells. */
  frame: string | null;
  /** When it was first seen, in milliseconds since 1970. */
  seenAt: number;
  /** When its text was last read, in milliseconds since 1970; 0 when it never was. */
  readAt: number;
  /** The failure of the last try to read it. */
  failure: Failure | null;
}

/** What is used instead of a playlist's keys, in hexadecimal digits; null for what the playlist names. */
export interface GivenKey {
  hex: string | null;
  iv: string | null;
}

/** The same, and headers, as they were typed. */
export interface GivenWords {
  headers: string;
  key: string;
  iv: string;
}

/** A link, a video or a sound that was clicked in its menu, and the page that has it. */
export interface Click {
  id: string;
  url: string;
  page: string | null;
}

/** The files of a batch, and what names them. */
export interface WantedFiles {
  tab: number;
  page: string;
  title: string;
  items: DownloadItem[];
  /** That a person gave along; secret: in memory and session storage only. */
  headers: Header[];
}

/** Everything known of one tab. */
export interface TabState {
  /** When its page was committed, in milliseconds since 1970; requests before that belong to the last page. */
  committedAt: number;
  playlists: Playlist[];
  /** The origins of the frames that use a shared worker, and since when. */
  sharedWorkers: { origin: string; since: number }[];
  /** The streams whose capture has begun by itself. */
  begun: string[];
}

/** What a person wants of a site's streams. */
export interface SiteRule {
  /** A host name: the rule is for it and for those below it. */
  site: string;
  /** When they are captured: by a click, by themselves, or never, and then they are not listed either. */
  capture: 'click' | 'auto' | 'never';
  /** `best`, `worst`, or the best of at most so many lines: `720p`. */
  quality: string;
  /** A language tag; null for what players choose. */
  audio: string | null;
  /** A language tag, or `all`; null for none. */
  subtitles: string | null;
  /** Null for the host's setting. */
  nameTemplate: string | null;
  /** In the folder of the downloads; null for that itself. */
  folder: string | null;
}

/** What of a rule a capture goes by, from its beginning to its end. */
export type Manner = Pick<SiteRule, 'audio' | 'subtitles' | 'nameTemplate' | 'folder'>;

/** One quality that can be chosen. */
export interface Quality {
  /** `best`, or what tells it from the stream's others, whatever token its address has now. */
  value: string;
  /** Of its variant, as it was named last. */
  url: string;
  width: number | null;
  height: number | null;
  frameRate: number | null;
  bandwidth: number | null;
}

/** One stream of a tab, as the popup shows it. */
export interface Stream {
  /** Names it within its tab, whatever token its address has now. */
  id: string;
  /** Of its first-level playlist, as it was asked for last. */
  url: string;
  kind: 'multivariant' | 'media';
  host: string;
  /** Null while no media playlist of it was read. */
  live: boolean | null;
  /** The method, empty when clear, null while no media playlist of it was read. */
  encrypted: string | null;
  /** The name of the DRM system that protects it. */
  drm: string | null;
  durationSeconds: number | null;
  /** Best first; empty when there is nothing to choose. */
  qualities: Quality[];
  /** Names of what it has no video for: an audio-only stream. */
  audioOnly: boolean;
  /** The media playlist to read when live, encrypted or duration are unknown. */
  unread: string | null;
}

/** Codes of failures: the host's and the engine's, and those that only the extension knows. */
export type FailureCode =
  | ErrorCode
  | 'host-missing'
  | 'host-forbidden'
  | 'host-gone'
  | 'host-silent'
  | 'parser-failed'
  | 'stream-gone'
  | 'tab-gone'
  | 'other-stream'
  | 'frame-too-long'
  | 'page-needed'
  | 'files-needed'
  | 'page-gone'
  | 'no-files'
  | 'base-needed'
  | 'bad-header-given'
  | 'bad-key-given'
  | 'unplayable'
  | 'preview-cut';

export interface Failure {
  code: FailureCode;
  /** Details in English, for people who report a bug. */
  message: string;
}

/** One capture, or the files of a page that are saved, as the popup shows it. */
export interface Job {
  job: string;
  /** The capture of the host's journal that it goes on with; null for one that the host tells apart by itself. */
  capture: number | null;
  /** A stream that becomes one file, or several files as they are. */
  kind: 'stream' | 'files';
  /** The tab and stream that it was started from, and the address then; null for one that another window started. */
  tab: number | null;
  stream: string | null;
  source: string | null;
  /** Null for a stream that has none to choose from, and for a capture that another window started. */
  quality: Quality | null;
  manner: Manner;
  /** When it was planned, in milliseconds since 1970: what the page has read since has fresher links. */
  plannedAt: number;
  /** Its links have expired, and others are looked for. */
  isRefreshing: boolean;
  /** Why there were none. */
  refreshFailure: RefreshFailure | null;
  title: string;
  state: 'preparing' | JobState;
  segments: SegmentCounts;
  bytes: number;
  bytesPerSecond: number;
  etaSeconds: number | null;
  /** How much of a live stream is recorded; null for a stream that has an end. */
  recordedSeconds: number | null;
  verdict: Verdict | null;
  output: string | null;
  durationSeconds: number | null;
  /** How many parts of the output are missing. */
  parts: number;
  /** The first of them. */
  missing: Span[];
  notes: Note[];
  /** The language of each track of subtitles in the output, where it is known. */
  subtitles: (string | null)[];
  failure: Failure | null;
  startedAt: number;
}

/** One line of the history: a capture of the host's journal, or one that came to nothing before the host knew of it. */
export interface Row {
  /** As a card shows it; one that was interrupted has ended with `paused`. */
  job: Job;
  /** The journal's number. */
  capture: number | null;
  /** The host name of the page, else of the stream. */
  site: string;
  /** The page, where its address is whole. */
  page: string | null;
  /** When it was last heard of, in milliseconds since 1970. */
  at: number;
  can: RowAction[];
}

/** What can be done with a line of the history. */
export type RowAction = CaptureAction | 'again' | 'forget';

/** A part of an output, in seconds. */
export interface Span {
  from: number;
  to: number;
}

/** What a note is about; its words are `note_CODE`. */
export type NoteCode =
  | 'duration'
  | 'overlap'
  | 'overlaps'
  | 'picture'
  | 'cues'
  | 'left-out'
  | 'as-ts'
  | 'ffmpeg'
  | 'resumed'
  | 'resumed-files'
  | 'watched'
  | 'begun-anew'
  | 'not-resumable'
  | 'no-subtitles'
  | 'key-unproven'
  | 'other-host'
  | 'other-place'
  | 'key-of-page'
  | 'not-saved'
  | 'saved-once'
  | 'further';

/** What a person should know of an output, whole or not. */
export interface Note {
  /** Null for a sentence that the extension does not know: it is the only value, in English. */
  code: NoteCode | null;
  /** What is filled in. */
  values: string[];
}

/** An image that a page has. */
export interface FoundImage {
  /** Absolute: http, https or `data:`. */
  url: string;
  /** What is shown for it: itself, or the thumbnail that leads to it. */
  preview: string;
  /** In pixels; null where the page does not tell and it has not been loaded. */
  width: number | null;
  height: number | null;
  /** What the page says of it; empty where it says nothing. */
  text: string;
  /** Where its address was found. */
  how: 'img' | 'srcset' | 'lazy' | 'link' | 'css' | 'input' | 'svg' | 'poster' | 'head';
}

/** What a document was found to have. */
export interface ImageFindings {
  images: FoundImage[];
  /** How many have addresses that are good in their page only. */
  blobs: number;
  /** How many were left out because there are too many, or because they are too long. */
  left: number;
  /** Why scrolling has ended: at the page's end, after so many steps, after so long; null where there was none. */
  end: 'end' | 'steps' | 'time' | null;
}

/** The connection to the native host. */
export interface HostState {
  state: 'closed' | 'connecting' | 'ready' | 'failed';
  version: string | null;
  platform: string | null;
  protocol: number | null;
  failure: Failure | null;
}

/** What the popup draws. */
export interface View {
  tab: number;
  title: string;
  streams: Stream[];
  /** The user's rule for its page. */
  rule: SiteRule | null;
  jobs: Job[];
  host: HostState;
}

/** One function of a call stack; line and column count from 1. */
export interface StackFrame {
  /** As the browser names it, empty for one without a name. */
  name: string;
  url: string;
  line: number;
  column: number;
}

/** Calls, innermost first. */
export interface StackPart {
  /** What has led from the next part to this one, such as `await` or `setTimeout`; null for the call itself. */
  cause: string | null;
  frames: StackFrame[];
}

/** Who made a request, innermost first; the browser may know none. */
export type CallStack = StackPart[];

/** Where a script runs. */
export interface Place {
  kind: 'page' | 'frame' | 'worker';
  url: string;
}

/** A request that was seen while a tab was traced. */
export interface TracedRequest {
  /** Names it within its trace. */
  id: string;
  url: string;
  method: string;
  place: Place;
  stack: CallStack;
  /** What its answer holds; null for what is no playlist, or was not read yet. */
  reading: TracedReading | null;
}

/** What a traced playlist names: addresses as group.js compares them. */
export type TracedReading =
  | { kind: 'multivariant'; children: Set<string> }
  | { kind: 'media'; segments: Set<string> };

/** One link of the chain from a page to its first segment. */
export interface ChainStep {
  role: 'page' | 'frame' | 'worker' | 'script' | 'first' | 'second' | 'only' | 'segment';
  url: string;
  /** Empty for what was not asked for by a script. */
  method: string;
  stack: CallStack;
}

/** Why a trace is over; its words are `trace_end_CODE`. */
export type TraceEnd =
  | 'found'
  | 'stopped'
  | 'time'
  | 'bar-closed'
  | 'tab-gone'
  | 'navigated'
  | 'other-debugger'
  | 'restricted'
  | 'stuck'
  | 'interrupted'
  | 'failed';

/** What a trace of a tab has found. */
export interface Trace {
  /** The page that is traced. */
  page: string;
  state: 'running' | 'ended';
  end: TraceEnd | null;
  /** Details in English, for people who report a bug. */
  message: string;
  /** How many requests were looked at. */
  requests: number;
  /** One for each stream, those that are whole first. */
  chains: ChainStep[][];
}

/** What the trace page draws. */
export interface TraceView {
  tab: number;
  title: string;
  /** Null while the tab was not traced. */
  trace: Trace | null;
}

/** Files that were chosen: of a tab's page, or of a list with its own title and page. */
export interface ChosenFiles {
  tab: number;
  items: DownloadItem[];
  title?: string;
  page?: string;
  given?: GivenWords;
}

/** What an extension page may ask of the background. */
export type Command =
  | { type: 'capture'; tab: number; stream: string; quality: string }
  | { type: 'command'; tab: number; stream: string; quality: string; tool: Tool }
  | ({ type: 'download' | 'files-command' } & ChosenFiles)
  | { type: 'look-up'; address: string | null; text: string | null; base: string | null; given: GivenWords }
  | { type: 'clicked'; id: string }
  | { type: 'cancel'; job: string }
  | { type: 'finish'; job: string }
  | { type: 'reveal'; job: string }
  | { type: 'next'; job: string }
  | { type: 'pause'; job: string }
  | { type: 'again'; job: string | null; capture: number | null }
  | { type: 'history' }
  | { type: 'repair'; capture: number }
  | { type: 'forget'; job: string | null; capture: number | null }
  | { type: 'reveal-capture'; capture: number }
  | { type: 'open-capture'; capture: number }
  | { type: 'clear' }
  | { type: 'trace'; tab: number }
  | { type: 'trace-goes-on' }
  | { type: 'stop-trace'; tab: number }
  | { type: 'connect' }
  | { type: 'settings'; change?: Partial<Settings> }
  | { type: 'example-name'; template: string }
  | { type: 'rules'; rules?: SiteRule[] }
  | { type: 'take-over'; settings: Partial<Settings> | null; rules: SiteRule[] };

/** What there is to play of the beginning of a stream: the text of a playlist. */
export type PreviewAnswer =
  | { ok: true; title: string; playlist: string; live: boolean }
  | { ok: false; failure: Failure };

/** What an address or a text has turned out to be. */
export type Found =
  | { kind: 'stream' }
  | {
      kind: 'list';
      title: string;
      /** Where its files are named. */
      page: string;
      entries: { url: string; title: string | null }[];
      /** How many more it names that cannot be had, or are too many. */
      left: number;
    };

/** A program that a stream can be handed to as a command line. */
export type Tool = 'weir' | 'ffmpeg' | 'yt-dlp' | 'N_m3u8DL-RE';

/** The background's answer to a command. */
export type Answer<T = unknown> = { ok: true; value: T } | { ok: false; failure: Failure };

/** What the page hook saw. A hint: nothing in it is trusted. */
export interface Report {
  /** Null for a text that the page made. */
  url: string | null;
  status: number | null;
  contentType: string | null;
  text: string;
  /** The frame that reports, by the browser's word; null when it has no address. */
  frame: string | null;
  /** When, in milliseconds since 1970, by the relay's word. */
  time: number;
}

/** What may be the key of a stream, as the page hook saw it. A hint, too: it counts once it has decrypted a segment. */
export interface KeyCandidate {
  /** 16 or 32 bytes, in hexadecimal digits. Secret: in memory only. */
  hex: string;
  /** A cipher got it; else it only has the length of a key. */
  used: boolean;
  /** Where it came from as it is: the bodies of these addresses. */
  urls: string[];
}

/** A request that a page or its worker makes while its tab is traced, by the hook's word. A hint, too. */
export interface TracedCall {
  url: string;
  method: string;
  /** The address of the worker that asks, empty for the frame. */
  worker: string;
  /** `Error.stack` as Firefox writes it. */
  stack: string;
}

/** A request that was answered, as `webRequest` saw it. */
export interface SeenRequest {
  /** The browser's name for it. */
  id: string;
  /** -1 for one of a shared or service worker. */
  tab: number;
  url: string;
  /** Where it was sent first, before redirects. */
  asked: string;
  method: string;
  status: number;
  contentType: string | null;
  headers: Header[];
  frame: string | null;
  /** It loads the page itself. */
  mainFrame: boolean;
  /** It comes from the page itself, or from a worker of it. */
  ofMainFrame: boolean;
  time: number;
}

export type {
  Candidate,
  CapturePlan,
  Cookie,
  Header,
  MediaSummary,
  MultivariantSummary,
  Observation,
  PlanRequest,
  Summary,
  VariantSummary,
};
