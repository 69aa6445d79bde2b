#!/bin/sh
# Makes the compressed slices beside this file: ./make.sh FOLDER, which holds unsigned.dcm and signed.dcm, what
# plainSlice of slice.ts gives. Needs DCMTK 3.6.7 and the tools of GDCM 3.0.21 (packages dcmtk, libgdcm-tools).
set -eu
plain=$1
here=$(dirname "$0")
dcmcjpeg +e1 "$plain/unsigned.dcm" "$here/jpeg-lossless-sv1.dcm"
dcmcjpeg +el "$plain/unsigned.dcm" "$here/jpeg-lossless.dcm"
dcmcjpeg +ee "$plain/unsigned.dcm" "$here/jpeg-extended.dcm"
dcmcjpls +el "$plain/unsigned.dcm" "$here/jpeg-ls.dcm"
dcmcjpls +en +md 2 "$plain/unsigned.dcm" "$here/jpeg-ls-near.dcm"
dcmcrle "$plain/unsigned.dcm" "$here/rle.dcm"
gdcmconv --j2k "$plain/unsigned.dcm" "$here/jpeg-2000-lossless.dcm"
gdcmconv --j2k --lossy -r 2 "$plain/unsigned.dcm" "$here/jpeg-2000.dcm"
dcmcjpeg +e1 "$plain/signed.dcm" "$here/signed-jpeg-lossless-sv1.dcm"
dcmcjpls +el "$plain/signed.dcm" "$here/signed-jpeg-ls.dcm"
dcmcrle "$plain/signed.dcm" "$here/signed-rle.dcm"
gdcmconv --j2k "$plain/signed.dcm" "$here/signed-jpeg-2000-lossless.dcm"
