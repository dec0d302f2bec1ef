import fc from 'fast-check'

const scalarValues = fc.oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }))

/** Any character: as the unit 'binary' of fast-check, without the table of them all that it writes first, for a second. */
export const codePoint = scalarValues.map((value) => String.fromCodePoint(value))
