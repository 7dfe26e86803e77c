//! BCP 47 tags, as packagers write them.

/// The primary language subtag in its shortest form, as BCP 47 wants it and packagers often do not: `eng` is `en`.
pub(super) fn primary(tag: &str) -> String {
    // Three letters, then two.
    const SHORT: &str = "araar cescs czecs chizh zhozh danda deude gerde dutnl nldnl engen finfi frafr frefr greel \
                         ellel hebhe hinhi indid itait jpnja korko norno polpl porpt rusru spaes swesv turtr vievi";
    let subtag = tag.split(['-', '_']).next().unwrap_or(tag).to_ascii_lowercase();
    let mut known = SHORT.split(' ').filter_map(|pair| pair.split_at_checked(3));
    let short = known.find(|(long, _)| *long == subtag);
    short.map_or_else(|| subtag.clone(), |(_, short)| short.to_owned())
}
