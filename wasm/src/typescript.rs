//! The shapes of what the exports take and give, for `tsc --checkJs`.

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(typescript_custom_section)]
const DECLARATIONS: &str = r#"
import type { CapturePlan } from "./protocol.js";

/** What is known of one request. */
export interface Observation {
    /** The URL that answered. */
    url: string;
    /** The HTTP status. */
    status?: number | null;
    /** `Content-Type` as sent. */
    contentType?: string | null;
    /** The beginning of the body or all of it. */
    body?: string | Uint8Array | null;
}

/** A request that may have answered with a playlist. */
export interface Candidate {
    /** Without its fragment. */
    url: string;
    /** Strongest first, never empty. */
    evidence: ("body" | "content-type" | "path" | "query")[];
    /** What the body says; null when it was not seen or does not tell. */
    kind: "multivariant" | "media" | null;
}

/** What a playlist holds. */
export type Summary = MultivariantSummary | MediaSummary | ListSummary;

/** A "first-level" playlist. */
export interface MultivariantSummary {
    kind: "multivariant";
    /** Those with a URL that can be fetched, in playlist order. */
    variants: VariantSummary[];
    renditions: RenditionSummary[];
    /** The DRM system of its session keys. */
    drm: string | null;
    warnings: WarningSummary[];
}

/** EXT-X-STREAM-INF. */
export interface VariantSummary {
    url: string;
    /** Bits per second. */
    bandwidth: number | null;
    /** Pixels. */
    width: number | null;
    /** Pixels. */
    height: number | null;
    /** Frames per second. */
    frameRate: number | null;
    /** RFC 6381. */
    codecs: string[];
    /** The group of its audio renditions. */
    audio: string | null;
}

/** EXT-X-MEDIA. */
export interface RenditionSummary {
    /** As written: AUDIO, VIDEO, SUBTITLES or CLOSED-CAPTIONS. */
    type: string;
    groupId: string;
    name: string | null;
    /** BCP 47. */
    language: string | null;
    default: boolean;
    /** Null when it is in the variant's own segments. */
    url: string | null;
}

/** A "second-level" playlist. */
export interface MediaSummary {
    kind: "media";
    /** No EXT-X-ENDLIST: there is more to come. */
    live: boolean;
    /** METHOD of the first key. */
    encrypted: string | null;
    /** The DRM system of the first segments that only it can decrypt. */
    drm: string | null;
    /** The sum of the known; null when none is. */
    durationSeconds: number | null;
    /** How many. */
    segments: number;
    /** Seconds. */
    targetDuration: number | null;
    warnings: WarningSummary[];
}

/** A plain M3U. */
export interface ListSummary {
    kind: "list";
    entries: { url: string; title: string | null }[];
    warnings: WarningSummary[];
}

/** Something that had to be read around. */
export interface WarningSummary {
    /** 1-based; null for the whole playlist. */
    line: number | null;
    /** Kebab-case, stable. */
    code: string;
    message: string;
}

/** A playlist as it was fetched. */
export interface FetchedPlaylist {
    /** After redirects. */
    url: string;
    text: string;
}

/** What to capture. */
export interface PlanRequest {
    /** The playlist that was chosen; fetched when its text is not given. */
    source: { url: string; text?: string | Uint8Array | null };
    selection?: {
        /** `height` and `bandwidth` are upper limits. */
        quality?: "best" | "worst" | { height: number } | { bandwidth: number } | { variant: string } | null;
        audio?: Languages | null;
        subtitles?: Languages | null;
    };
    title?: string | null;
    /** Playlists that need not be fetched. */
    known?: { url: string; text: string | Uint8Array }[];
}

/** Which renditions of a kind. */
export type Languages = "default" | "none" | "all" | { language: string };
"#;
