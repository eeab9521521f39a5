import { expect, it } from '@jest/globals';
import { typedCode } from '../../src/platform/typed-code.ts';

it.each([
  '050471',
  ' 050 471\n',
  '050\u00a0471',
  '050-471',
  '050\u2011471',
  '050–471',
  '０５０４７１',
  '０５０－４７１',
])('a code as people and their keyboards write it: %j', (text) => {
  expect(typedCode(text)).toBe('050471');
});

it.each(['050.471', '050_471', '٠٥٠٤٧١', '+050471'])('what does more than group it stays: %j', (text) => {
  expect(typedCode(text)).toBe(text);
});
