/** Tokens of a text whose punctuation already stands alone: what spaces separate. */
export function tokenizeSpaces(text: string): string[] {
  return text.split(/\s+/).filter((token) => token !== '')
}

/**
 * Tokens as `mteval-v13a` and sacreBLEU's default make them: four entities are unescaped, punctuation stands alone, but
 * points and commas inside numbers stay. Case is kept.
 */
export function tokenize13a(text: string): string[] {
  const plain = text
    .replaceAll('<skipped>', '')
    .replaceAll('-\n', '')
    .replaceAll('\n', ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
  const apart = ` ${plain} `
    .replace(/([{-~[-` -&(-+:-@/])/g, ' $1 ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])(-)/g, '$1 $2 ')
  return tokenizeSpaces(apart)
}
