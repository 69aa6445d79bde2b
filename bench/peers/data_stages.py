"""The stages of bench/data-stages.ts with nibabel and SciPy: SCAN OUTPUT ROUNDS. Prints milliseconds as JSON."""

import json
import sys
import time

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from scipy import ndimage


def once(path):
    marks = [time.perf_counter()]
    image = nib.load(path)
    voxels = np.asanyarray(image.dataobj)
    marks.append(time.perf_counter())
    turn = ornt_transform(io_orientation(image.affine), axcodes2ornt("SAR"))
    affine = image.affine @ inv_ornt_aff(turn, voxels.shape)
    oriented = apply_orientation(voxels, turn)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    shape = np.array(oriented.shape)
    size = np.floor(shape * spacing / 2).astype(int)
    step = 2 / spacing
    start = (shape - 1) / 2 - (size - 1) / 2 * step
    resampled = ndimage.affine_transform(
        oriented, step, start, output_shape=tuple(size), order=1, mode="nearest", output=np.float32
    )
    marks.append(time.perf_counter())
    scaled = np.clip(resampled, -1000, 1000) / np.float32(1000)
    marks.append(time.perf_counter())
    result = np.full((192, 192, 192), -1, np.float32)
    source, target = [], []
    for count in scaled.shape:
        before = (abs(192 - count) + 1) // 2
        shared = min(count, 192)
        source.append(slice(before, before + shared) if count > 192 else slice(0, shared))
        target.append(slice(0, shared) if count > 192 else slice(before, before + shared))
    result[tuple(target)] = scaled[tuple(source)]
    marks.append(time.perf_counter())
    names = ["read", "resample", "intensity", "pad"]
    return {name: (marks[n + 1] - marks[n]) * 1000 for n, name in enumerate(names)}, result


path, output, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
_, result = once(path)
result.tofile(output)
print(json.dumps([once(path)[0] for _ in range(rounds)]))
