//! The names of the tags that Weir knows, and which kind of playlist each of them makes.

/// Where a tag may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Only in multivariant playlists.
    Multivariant,
    /// Only in media playlists.
    Media,
    /// In both.
    Any,
}

macro_rules! tags {
    ($($variant:ident = $name:literal, $scene:ident;)*) => {
        /// A tag that Weir knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Tag {
            $($variant,)*
        }

        /// One table, and one loop over it, for every place that asks: the most frequent first.
        const TAGS: &[(&str, Tag, Scene)] = &[$(($name, Tag::$variant, Scene::$scene)),*];
    };
}

tags! {
    Inf = "EXTINF", Any;
    ByteRange = "EXT-X-BYTERANGE", Media;
    ProgramDateTime = "EXT-X-PROGRAM-DATE-TIME", Media;
    Key = "EXT-X-KEY", Media;
    Part = "EXT-X-PART", Media;
    Discontinuity = "EXT-X-DISCONTINUITY", Media;
    Map = "EXT-X-MAP", Media;
    Gap = "EXT-X-GAP", Media;
    Bitrate = "EXT-X-BITRATE", Media;
    DateRange = "EXT-X-DATERANGE", Media;
    TargetDuration = "EXT-X-TARGETDURATION", Media;
    MediaSequence = "EXT-X-MEDIA-SEQUENCE", Media;
    DiscontinuitySequence = "EXT-X-DISCONTINUITY-SEQUENCE", Media;
    PlaylistType = "EXT-X-PLAYLIST-TYPE", Media;
    EndList = "EXT-X-ENDLIST", Media;
    IFramesOnly = "EXT-X-I-FRAMES-ONLY", Media;
    PartInf = "EXT-X-PART-INF", Media;
    ServerControl = "EXT-X-SERVER-CONTROL", Media;
    Skip = "EXT-X-SKIP", Media;
    PreloadHint = "EXT-X-PRELOAD-HINT", Media;
    RenditionReport = "EXT-X-RENDITION-REPORT", Media;
    // Of no specification; what they stand in says nothing of its kind.
    CueOut = "EXT-X-CUE-OUT", Any;
    CueContinued = "EXT-X-CUE-OUT-CONT", Any;
    CueIn = "EXT-X-CUE-IN", Any;
    Scte35 = "EXT-X-SCTE35", Any;
    // Removed from the specification; some multivariant playlists have it too.
    AllowCache = "EXT-X-ALLOW-CACHE", Any;
    Version = "EXT-X-VERSION", Any;
    IndependentSegments = "EXT-X-INDEPENDENT-SEGMENTS", Any;
    Start = "EXT-X-START", Any;
    Define = "EXT-X-DEFINE", Any;
    StreamInf = "EXT-X-STREAM-INF", Multivariant;
    Media = "EXT-X-MEDIA", Multivariant;
    IFrameStreamInf = "EXT-X-I-FRAME-STREAM-INF", Multivariant;
    SessionData = "EXT-X-SESSION-DATA", Multivariant;
    SessionKey = "EXT-X-SESSION-KEY", Multivariant;
    ContentSteering = "EXT-X-CONTENT-STEERING", Multivariant;
}

impl Tag {
    /// The tag of this name (without `#`), and where it may stand.
    pub(crate) fn find(name: &str) -> Option<(Self, Scene)> {
        TAGS.iter()
            .find(|(known, ..)| *known == name)
            .map(|(_, tag, scene)| (*tag, *scene))
    }
}
