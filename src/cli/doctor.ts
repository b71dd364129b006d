// `laurel doctor`: what Laurel found on this machine, what is missing, and the command that mends it.
import { availableParallelism, cpus } from 'node:os';
import type { Command } from 'commander';
import { plural } from '../plural.ts';
import { dim, pairs, printResult, table } from './output.ts';
import { addJson, addVerb } from './verb.ts';

interface Missing {
  readonly what: string;
  readonly consequence: string;
  readonly command: string;
}

export function addDoctor(program: Command): void {
  const command = addVerb(
    program,
    'doctor',
    'show the engine, the data sets, and what is missing',
    'laurel doctor',
    'laurel doctor --json',
  );
  addJson(command).action(async ({ json }: { json?: boolean }) => {
    const result = await examine();
    printResult(json, result, () => describe(result));
  });
}

const turboHint = 'libjpeg-turbo (libturbojpeg0) is quicker where it is installed';

/** The MPI that `--ranks` and `mpirun` would use: its library, its launcher, or what is to be installed. */
async function examineMpi() {
  const [{ findLaunchers }, { openMpiLibrary, installHint }] = await Promise.all([
    import('../distribute/launch.ts'),
    import('../distribute/mpi/library.ts'),
  ]);
  const launcher = findLaunchers()[0];
  const file = launcher?.file ?? null;
  try {
    const implementation = launcher?.implementation;
    const { version, path } = openMpiLibrary(implementation && { implementation, rank: 0, size: 1 });
    return { version, path, launcher: file, problem: null, command: file === null ? installHint : null };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { version: null, path: null, launcher: file, problem, command: installHint };
  }
}

function describeMpi({ version, path, launcher, problem, command }: Examination['mpi']): string {
  if (version === null) return `${problem}; for several processes or machines: ${command}`;
  if (launcher === null) return `${version} (${path}), but no mpirun or mpiexec: ${command}`;
  return `${version} (${launcher}, ${path})`;
}

type Examination = Awaited<ReturnType<typeof examine>>;

async function examine() {
  const [{ chooseEngine }, { installHint, readRelease }, data, { turboJpeg }, { version }] =
    await Promise.all([
      import('../engines/choose.ts'),
      import('../engines/onednn/install-hint.ts'),
      import('../data/datasets.ts'),
      import('../data/pictures/render/turbo-jpeg.ts'),
      import('../version.ts'),
    ]);
  const { engine, notes } = chooseEngine('auto');
  const { library, path, isa, threads, dtypes } = engine.describe();
  const hasApt = readRelease().ids.some((id) => id === 'debian' || id === 'ubuntu');
  const datasets = data.knownDatasets.map(({ name, title, debianPackage }) => {
    const path = data.findDataset(name)?.path ?? null;
    const fromSystem = path === null && hasApt && debianPackage !== undefined;
    return {
      name,
      title,
      path,
      searched: data.datasetSearchPaths(name),
      /** How to get it other than by the download that its first use makes. */
      command: fromSystem
        ? `${process.getuid?.() === 0 ? '' : 'sudo '}apt-get install ${debianPackage}`
        : null,
    };
  });
  const missing: Missing[] = [];
  if (engine.name !== 'onednn') {
    const command = installHint();
    // The engine's own remark ends with the command, which stands by itself here.
    const consequence = (notes[0] ?? 'oneDNN is not used.').replace(command, '').trim();
    missing.push({ what: 'oneDNN', consequence, command });
  }
  return {
    laurel: version,
    node: process.version,
    system: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    engine: engine.name,
    library: library ?? null,
    libraryPath: path ?? null,
    isa: isa ?? null,
    threads,
    dtypes,
    jpegDecoder: turboJpeg() === undefined ? 'sharp' : 'libjpeg-turbo',
    mpi: await examineMpi(),
    datasets,
    missing,
  };
}

function describe(found: Examination): string {
  const engine =
    found.library === null ? found.engine : `${found.engine} (${found.library}, ${found.libraryPath})`;
  const rows = found.datasets.map(({ name, path, command }) => [
    name,
    path ?? dim(`not here; downloaded when it is first used${command === null ? '' : `, or: ${command}`}`),
  ]);
  const absent = found.datasets.some(({ path }) => path === null);
  return [
    pairs([
      ['Laurel', found.laurel],
      ['Node', found.node],
      ['CPU', `${found.cpu}, ${plural(found.cores, 'core')}`],
      ['Engine', engine],
      ['ISA', found.isa ?? 'plain JavaScript'],
      ['Threads', `${found.threads}`],
      ['Types', found.dtypes.join(', ')],
      ['MPI', describeMpi(found.mpi)],
      ['JPEG', found.jpegDecoder === 'sharp' ? `sharp; ${turboHint}` : found.jpegDecoder],
    ]),
    '',
    table([['Data set', 'Where'], ...rows]),
    ...(absent
      ? [dim('Elsewhere already? Say `--data FOLDER`, or set LAUREL_DATA to the folder above it.')]
      : []),
    '',
    ...(found.missing.length === 0 ? ['Nothing is missing.'] : []),
    ...found.missing.map(({ consequence, command }) => `Missing: ${consequence}\nTo mend it:  ${command}`),
  ].join('\n');
}
