/** Of others: `cargo xtask build` puts it into `vendor/`, as it came from npm. */
declare module '*/vendor/hls.light.min.mjs' {
  export { default, FetchLoader } from 'hls.js';
}
