export { type Band, type BandedAxisOptions, bandedAxis } from './banded-axis.js'
