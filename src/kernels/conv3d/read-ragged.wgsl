// Four elements of a window, wherever they lie; those from `count` on are 0. Constant: CHECKED, always true here.

alias Taps = array<Tap, 4>;

fn tapBefore(group: u32, i: u32, count: u32) -> Tap {
  if (i < count) {
    return tapOf(group, i);
  }
  return Tap(0, vec3<i32>(1 << 29u));
}

fn tapsOf(group: u32, i: u32, count: u32) -> Taps {
  return Taps(
    tapBefore(group, i, count),
    tapBefore(group, i + 1u, count),
    tapBefore(group, i + 2u, count),
    tapBefore(group, i + 3u, count),
  );
}

fn windowElement(window: Window, tap: Tap) -> VolumeType {
  let inside = isInside(window, tap);
  return select(VolumeType(), volumeElement(select(0u, u32(window.at + tap.at), inside)), inside);
}

fn windowQuad(window: Window, taps: Taps) -> vec4<VolumeType> {
  return vec4<VolumeType>(
    windowElement(window, taps[0]),
    windowElement(window, taps[1]),
    windowElement(window, taps[2]),
    windowElement(window, taps[3]),
  );
}
