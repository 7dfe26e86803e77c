// Generated from core/src/protocol; a test fails when it drifts:
// WEIR_BLESS=1 cargo test -p weir-tests --test it protocol

/** The version of the protocol that these types describe. */
export type ProtocolVersion = 1;

/**
 * An absolute `http`, `https` or `data` URL without fragment or credentials.
 *
 * `Display` and `Debug` are safe to log: the query, which often carries a token, is left out.
 * `AbsoluteUrl::as_str` is the whole text.
 */
export type AbsoluteUrl = string;

/** A part of a resource, in bytes. `offset + length` never overflows. */
export type ByteRange = { offset: number | string, length: number | string, };

/** A capture of the journal, whoever asked for it. */
export type Capture = {
/** Its number. */
capture: CaptureNumber,
/** The job that a browser last asked for it with; null for one of the command line. */
job: JobId | null,
/** What it saves. */
kind: CaptureKind,
/** How it is. */
state: CaptureState,
/** For people. */
title: string | null,
/** The page that it came from, without what may be a secret. */
page: string | null,
/** The playlist, without what may be a secret. */
source: string,
/** The media playlist that was chosen of it, without what may be a secret; null for a capture that no browser asked for. */
playlist: string | null,
/** The absolute path of the output, finished or not. */
output: string | null,
/** When it began, in seconds since 1970. */
beganEpochSeconds: number,
/** When it was last heard of. */
changedEpochSeconds: number,
/** How far it is. */
segments: SegmentCounts,
/** The output's size. */
bytes: number,
/** The report of its end; null before. */
finished: Finished | null,
/** What the host would do with it now. */
can: Array<CaptureAction>, };

/** What can be asked of the host with a capture's number. */
export type CaptureAction = "reveal" | "open" | "resume" | "repair";

/** What a capture saves. */
export type CaptureKind = "stream" | "files";

/** The number of a capture in the host's journal, as `weir jobs` shows it. */
export type CaptureNumber = number;

/** What one click captures. Built by `plan`, checked again by the host. */
export type CapturePlan = {
/** The playlist that the user chose: the multivariant one where there is one. */
source: AbsoluteUrl,
/** The page's title, only a wish: the host makes the file name from it by its own rules. */
title: string | null,
/** True when a playlist has no EXT-X-ENDLIST: what is listed here is only its window. */
live: boolean,
/** One per playlist: the main one first, then audio, then subtitles. Never empty. */
tracks: Array<PlannedTrack>, };

/** How a capture of the journal is. */
export type CaptureState = "running" | "interrupted" | "complete" | "incomplete" | "failed" | "cancelled";

/** The kinds of output. */
export type Container = "mp4" | "mkv" | "ts" | "segments";

/** One cookie, with what RFC 6265 needs to know where it may go (the shape of `chrome.cookies.Cookie`). */
export type Cookie = {
/** The cookie's name. */
name: string,
/** The cookie's value. */
value: Secret,
/** The domain, without a leading dot. */
domain: string,
/** True when only exactly `domain` gets it, false when its subdomains do too. */
hostOnly: boolean,
/** The path it is for. */
path: string,
/** Only over https. */
secure: boolean,
/** When it expires, in seconds since 1970; null for a session cookie. */
expiresEpochSeconds: number | null, };

/** A file of a batch. */
export type DownloadItem = {
/** Where it is. */
url: AbsoluteUrl,
/** The wish for its name, without an extension; null for the one in its address. */
name: string | null, };

/** What went wrong. Append-only: a code keeps its meaning for ever. */
export type ErrorCode = "not-a-playlist" | "bad-playlist" | "bad-url" | "nothing-to-capture" | "drm" | "scheme-refused" | "private-address" | "insecure-downgrade" | "http-status" | "link-expired" | "dns" | "tls" | "network" | "redirect" | "bad-response" | "bad-key" | "decrypt" | "bad-media" | "unsupported" | "disk-full" | "output-folder" | "file" | "symlink-refused" | "cannot-resume" | "already-running" | "bad-settings" | "usage" | "bad-frame" | "unknown-command" | "bad-field" | "hello-first" | "update-host" | "update-extension" | "duplicate-job" | "unknown-job" | "busy" | "bad-header" | "unauthorised-caller" | "gaps" | "live-window" | "cancelled" | "browser-gone" | "stalled" | "paused" | "internal";

/** One frame from the host. */
export type Event = { "type": "hello",
/** The request. */
re: RequestId,
/** `VERSION` of the host. */
protocol: number,
/** The host's own version, for people. */
hostVersion: string,
/** `linux`, `macos` or `windows`. */
platform: string,
/** Longest frame that the host reads, in bytes. */
maxFrameBytes: number,
/** Most jobs at a time. */
maxJobs: number, } | { "type": "done",
/** The request. */
re: RequestId, } | { "type": "error",
/** The request, where it could be told. */
re: RequestId | null,
/** Why. */
error: Failure, } | { "type": "jobs",
/** The request. */
re: RequestId,
/** Running jobs first, then finished ones, newest first; at most `limits::MAX_JOBS` finished ones. */
jobs: Array<JobStatus>, } | { "type": "history",
/** The request. */
re: RequestId,
/** The newest first; at most `limits::MAX_HISTORY`. */
captures: Array<Capture>, } | { "type": "settings",
/** The request. */
re: RequestId,
/** The settings as they are now. */
settings: Settings, } | { "type": "exampleName",
/** The request. */
re: RequestId,
/** What such a file is called, while no other has that name. */
name: string, } | { "type": "refresh",
/** The job. */
job: JobId,
/** Index of the plan's track. */
track: number,
/** The track's playlist, as the job knows it. */
playlist: AbsoluteUrl,
/** The segment that was refused. */
sequence: MediaSequence,
/** The HTTP status: 403 or 410. */
status: number, } | { "type": "progress" } & Progress | { "type": "finished" } & Finished;

/** An error as it is sent: the code decides the words that people read, the message is for details. */
export type Failure = {
/** What went wrong. */
code: ErrorCode,
/** What, where, and what to do next; without secrets. */
message: string, };

/** The end of a job. */
export type Finished = {
/** The job; null on the command line. */
job: JobId | null,
/** How it ended. */
verdict: Verdict,
/** The absolute path of the file (of the folder, for segments); null when nothing usable was written. */
output: string | null,
/** The output's size. */
bytes: number,
/** How long it plays. */
durationSeconds: number,
/** What is in it. */
tracks: Array<TrackSummary>,
/** What a person should know though the output is whole, one sentence each, in English. */
warnings: Array<string>,
/** Segment counters. */
segments: SegmentCounts,
/** What is missing. */
gaps: Array<Gap>,
/** Why it is not complete; null when it is. */
error: Failure | null, };

/** A segment that is not in the output. */
export type Gap = {
/** Index of the plan's track. */
track: number,
/** The segment. */
sequence: MediaSequence,
/** Where it would be in the output. */
startSeconds: number,
/** How long it would be. */
durationSeconds: number, };

/** One request header. */
export type Header = {
/** The field name, in any case. */
name: string,
/** The field value. */
value: Secret, };

/** A 128-bit initialisation vector: 32 lower-case hexadecimal digits in JSON. */
export type Iv = string;

/** Names one job: 1 to 64 characters of `A-Z a-z 0-9 - _`, so that it can be part of a file name. */
export type JobId = string;

/** How a job's output is written. */
export type JobOptions = {
/** The container; MP4 by default. */
container: Container,
/** Segments in flight at a time, 1 to 64; null for the host's setting. */
concurrency: number | null,
/** How the file is named; null for the host's setting. */
nameTemplate: string | null,
/** The folder in the output folder: names with `/` between them; null for the output folder itself. */
folder: string | null, };

/** What a job is doing. */
export type JobState = "queued" | "running" | "finishing" | "finished";

/** A job as the host remembers it. */
export type JobStatus = {
/** Which one. */
job: JobId,
/** The title it was started with. */
title: string | null,
/** Its latest progress. */
progress: Progress,
/** Its end, once there. */
finished: Finished | null, };

/** How a segment is encrypted (`METHOD` of EXT-X-KEY). */
export type KeyMethod = "AES-128" | "AES-256" | "AES-256-CTR" | "AES-256-GCM" | "SAMPLE-AES" | "SAMPLE-AES-CTR";

/** A segment's media sequence number (RFC 8216bis, 4.4.3.2). A JSON number, or a string above 2^53 - 1. */
export type MediaSequence = number | string;

/** A media initialization section. */
export type PlannedMap = {
/** Where it is. */
url: AbsoluteUrl,
/** The part of the resource; left out for all of it. */
range?: ByteRange,
/** How to decrypt it; left out when clear. */
key?: SegmentKey, };

/**
 * One segment. Key, IV, map and range are the effective ones: nothing has to be known of the segments before it. What it
 * does not have is left out: a plan has thousands of them, and each member costs the browser.
 */
export type PlannedSegment = {
/** The media sequence number. */
sequence: MediaSequence,
/** Where it is. */
url: AbsoluteUrl,
/** The part of the resource; left out for all of it. */
range?: ByteRange,
/** EXTINF in seconds; left out where it was unusable. */
durationSeconds?: number,
/** EXT-X-DISCONTINUITY stands before it; left out where it does not. */
discontinuity?: boolean,
/** EXT-X-GAP: the server says that it is not there, and it is not asked for; left out where it is there. */
gap?: boolean,
/** How to decrypt it; left out when clear. */
key?: SegmentKey,
/** Its media initialization section (EXT-X-MAP); left out without one. Segments that follow each other may share it. */
map?: PlannedMap, };

/** The segments of one media playlist. */
export type PlannedTrack = {
/** What it carries. */
kind: TrackKind,
/** Streams of this kind alone go into the output: the others are had from elsewhere, or not wanted. Null: all. */
only: TrackKind | null,
/** The media playlist's own URL. */
playlist: AbsoluteUrl,
/** LANGUAGE of its EXT-X-MEDIA, a BCP 47 tag. */
language: string | null,
/** NAME of its EXT-X-MEDIA. */
name: string | null,
/** DEFAULT of its EXT-X-MEDIA: players start with it. */
default: boolean,
/** FORCED of its EXT-X-MEDIA: these subtitles are for everyone, also for who asks for none. */
forced: boolean,
/** CODECS of its variant. */
codecs: Array<string>,
/** RESOLUTION of its variant, in pixels: width, height. */
resolution: [number, number] | null,
/** In playlist order, media sequence rising. */
segments: Array<PlannedSegment>, };

/** How far a job is. */
export type Progress = {
/** The job; null on the command line, where there is only one. */
job: JobId | null,
/** What it is doing. */
state: JobState,
/** Segments merged, out of all. */
segments: SegmentCounts,
/** Bytes received so far, as they came over the wire. */
bytes: number,
/** Recent speed. */
bytesPerSecond: number,
/** Seconds left at this speed, null when unknown. */
etaSeconds: number | null,
/** How much of a live stream is recorded; null for a stream that has an end. */
recordedSeconds: number | null, };

/** Why the extension has no other links for a job. */
export type RefreshFailure = "tab-gone" | "other-stream" | "unreadable";

/** One frame from the extension. Every one has an `id`, which its answer repeats as `re`. */
export type Request = { "type": "hello",
/** Answer to this. */
id: RequestId,
/** `VERSION` of the extension. */
protocol: number,
/** The extension's own version, for people. */
extensionVersion: string,
/** It answers `Event::Refresh`. */
refresh: boolean, } | { "type": "start",
/** Answer to this. */
id: RequestId,
/** The new job's id, chosen by the extension. */
job: JobId,
/** What to capture. */
plan: CapturePlan,
/** How to ask for it. */
context: RequestContext,
/** How to write it. */
options: JobOptions, } | { "type": "download",
/** Answer to this. */
id: RequestId,
/** The new job's id, chosen by the extension. */
job: JobId,
/** The wish for the folder's name. */
title: string | null,
/** The files, at most `limits::MAX_BATCH_FILES`. */
items: Array<DownloadItem>,
/** How to ask for them. `page` is where they were found. */
context: RequestContext, } | { "type": "cancel",
/** Answer to this. */
id: RequestId,
/** Which one. */
job: JobId, } | { "type": "next",
/** Answer to this. */
id: RequestId,
/** Which one. */
job: JobId, } | { "type": "pause",
/** Answer to this. */
id: RequestId,
/** Which one. */
job: JobId, } | { "type": "finish",
/** Answer to this. */
id: RequestId,
/** Which one. */
job: JobId, } | { "type": "refreshed",
/** Answer to this. */
id: RequestId,
/** Which one. */
job: JobId,
/** The same capture with links that are good now. */
plan: CapturePlan,
/** How to ask for it from now on. */
context: RequestContext, } | { "type": "refreshFailed",
/** Answer to this. */
id: RequestId,
/** Which one. */
job: JobId,
/** Why. */
reason: RefreshFailure, } | { "type": "jobs",
/** Answer to this. */
id: RequestId, } | { "type": "reveal",
/** Answer to this. */
id: RequestId,
/** Which one. */
job: JobId, } | { "type": "history",
/** Answer to this. */
id: RequestId, } | { "type": "resume",
/** Answer to this. */
id: RequestId,
/** The new job's id, chosen by the extension. */
job: JobId,
/** Which one. */
capture: CaptureNumber, } | { "type": "repair",
/** Answer to this. */
id: RequestId,
/** The new job's id, chosen by the extension. */
job: JobId,
/** Which one. */
capture: CaptureNumber, } | { "type": "forget",
/** Answer to this. */
id: RequestId,
/** Which one. */
capture: CaptureNumber, } | { "type": "revealCapture",
/** Answer to this. */
id: RequestId,
/** Which one. */
capture: CaptureNumber, } | { "type": "openCapture",
/** Answer to this. */
id: RequestId,
/** Which one. */
capture: CaptureNumber, } | { "type": "settings",
/** Answer to this. */
id: RequestId,
/** What to change, if anything. */
change: SettingsChange | null, } | { "type": "exampleName",
/** Answer to this. */
id: RequestId,
/** The template. */
template: string,
/** The page's title. */
title: string,
/** The page. */
page: AbsoluteUrl,
/** The picture's size: width, height. */
resolution: [number, number] | null,
/** The folder in the output folder. */
folder: string | null, };

/** The page's way of asking: its headers and the cookies of every host in the plan. */
export type RequestContext = {
/**
 * Headers of the page's own playlist request that the host repeats: `User-Agent`, `Referer`, `Origin`,
 * `Authorization`, custom ones. `Cookie`, `Host`, `Range` and hop-by-hop headers are refused.
 */
headers: Array<Header>,
/** Cookies that the browser holds for the hosts of the plan. The host picks per URL (RFC 6265). */
cookies: Array<Cookie>,
/** The page (frame) that asked. */
page: AbsoluteUrl | null, };

/** Names one request, so that its reply can be told; chosen by the extension. */
export type RequestId = number;

/** Text that must not reach a log: `Debug` hides it. */
export type Secret = string;

/** Segment counters. */
export type SegmentCounts = {
/** In the plan; of a live stream those that were listed so far. */
total: number,
/** Received and merged. */
fetched: number,
/** Tries beyond the first. */
retried: number, };

/** How one segment or map is decrypted. */
export type SegmentKey = {
/** METHOD. */
method: KeyMethod,
/** Where the key is. */
url: AbsoluteUrl,
/** The effective IV, explicit or from the media sequence number. */
iv: Iv, };

/** The host's settings. */
export type Settings = {
/** The absolute path of the folder that files go to. */
outputFolder: string,
/** Segments in flight at a time. */
concurrency: number,
/** What becomes of captures. */
whenBrowserCloses: WhenBrowserCloses,
/** How files are named. */
nameTemplate: string,
/** The fastest that all jobs together fetch; 0 for as fast as they can. */
limitBytesPerSecond: number,
/** Jobs that fetch at a time. */
jobsAtOnce: number, };

/** A change of the host's settings; what is absent stays. */
export type SettingsChange = {
/** The absolute path of the folder that files go to. */
outputFolder: string | null,
/** Segments in flight at a time, 1 to 64. */
concurrency: number | null,
/** What becomes of captures. */
whenBrowserCloses: WhenBrowserCloses | null,
/** How files are named. */
nameTemplate: string | null,
/** The fastest that all jobs together fetch; 0 for as fast as they can. */
limitBytesPerSecond: number | null,
/** Jobs that fetch at a time, 1 to 8. */
jobsAtOnce: number | null, };

/** What a track carries. The main track of a muxed stream is `video` though it holds audio too. */
export type TrackKind = "video" | "audio" | "subtitle";

/** One track of the output. */
export type TrackSummary = {
/** What it carries. */
kind: TrackKind,
/** RFC 6381 codec string, such as `avc1.64001f`. */
codec: string,
/** Samples (access units) written; PES packets of a transport stream. */
samples: number,
/** BCP 47 tag, where known. */
language: string | null, };

/** How a job ended. */
export type Verdict = "complete" | "incomplete" | "failed" | "cancelled";

/** What becomes of captures under way when the browser closes the port. A recording ends in either case. */
export type WhenBrowserCloses = "pause" | "finish";
