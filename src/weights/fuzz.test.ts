// Every reader of other people's files, over seeded damage; the slow one takes 10,000 of each.
import { fuzzReaders } from './fuzzing.ts';

fuzzReaders(500);
