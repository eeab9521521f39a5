import { describe, expect, it } from '@jest/globals';
import { readBearer } from '../../src/platform/bearer.ts';

describe('readBearer', () => {
  it.each([
    ['Bearer a.b.c', 'a.b.c'],
    ['bearer a.b.c', 'a.b.c'],
    ['BEARER   a.b.c', 'a.b.c'],
    ['Bearer', undefined],
    ['Bearer ', undefined],
    ['Bearer a b', undefined],
    ['Bearer\ta.b.c', undefined],
    ['Bearer a.b.c ', undefined],
  ])('readBearer reads %j as the token %j', (header, token) => {
    expect(readBearer(header)).toEqual({ token });
  });

  it.each([undefined, '', 'Basic YTpi', 'a.b.c', 'Bearertoken a.b.c', ' Bearer a.b.c'])(
    'readBearer finds no bearer in %j',
    (header) => {
      expect(readBearer(header)).toBeUndefined();
    },
  );
});
