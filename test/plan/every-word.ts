import { readFileSync } from 'node:fs';
import path from 'node:path';

/** A plan that uses nearly every word, by its text: tests change it by a replacement. */
export const everyWord = readFileSync(path.join(__dirname, 'every-word.yaml'), 'utf8');

export const fileName = 'every-word.yaml';
