/** Width and height of a glyph; letters stand `GLYPH_ADVANCE` pixels apart. */
export const GLYPH_WIDTH = 5
export const GLYPH_HEIGHT = 7
export const GLYPH_ADVANCE = 6

/** Rows of five pixels, `#` is ink. Only what the pictures of this package write. */
const glyphs: Record<string, string> = {
  A: ' ### #   ##   #######   ##   ##   #',
  I: ' ###   #    #    #    #    #   ### ',
  L: '#    #    #    #    #    #    #####',
  P: '#### #   ##   ##### #    #    #    ',
  R: '#### #   ##   ##### # #  #  # #   #',
  S: ' #####    #     ###     #    ##### ',
  m: '          ## # # # ## # ## # ## # #',
  '-': '               #####               ',
  '.': '                          ##   ##  ',
  '0': ' ### #   ##  ### # ###  ##   # ### ',
  '1': '  #   ##    #    #    #    #   ### ',
  '2': ' ### #   #    #   #   #   #   #####',
  '3': '#####   #   #     #     ##   # ### ',
  '4': '   #   ##  # # #  # #####   #    # ',
  '5': '######    ####     #    ##   # ### ',
  '6': '  ##  #   #    #### #   ##   # ### ',
  '7': '#####    #   #   #   #    #    #   ',
  '8': ' ### #   ##   # ### #   ##   # ### ',
  '9': ' ### #   ##   # ####    #   #  ##  ',
}

/** Calls `plot` with every inked pixel of a text, relative to its upper left corner. Other characters leave a gap. */
export function drawText(text: string, plot: (x: number, y: number) => void): void {
  for (const [position, character] of [...text].entries()) {
    for (const [pixel, ink] of [...(glyphs[character] ?? '')].entries()) {
      if (ink !== '#') continue
      plot(position * GLYPH_ADVANCE + (pixel % GLYPH_WIDTH), Math.floor(pixel / GLYPH_WIDTH))
    }
  }
}
