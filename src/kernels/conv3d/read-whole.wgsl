// Four channels of a window's tap, where four channels never straddle a tap and start at whole 4-vectors.

alias Taps = Tap;

fn tapsOf(group: u32, i: u32, count: u32) -> Taps {
  return tapOf(group, i);
}

fn windowQuad(window: Window, taps: Taps) -> vec4<VolumeType> {
  let inside = isInside(window, taps);
  let value = volumeQuad(select(0u, u32(window.at + taps.at) / 4u, inside));
  return select(vec4<VolumeType>(), value, inside);
}
