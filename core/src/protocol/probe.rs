//! What a playlist holds, as `weir probe --json` prints it.
