// Brings what Laurel wants from the system, when it can be had without asking: oneDNN (the fast engine), libjpeg-turbo
// (quick decoding) and Fashion-MNIST (the first data set). Root, or a sudo that asks for no password, installs Debian's packages;
// macOS uses Homebrew. What cannot be installed is said in one line, and the work goes on without it.
//
//   node tools/setup.mjs               these three
//   node tools/setup.mjs --for-tests   also what some tests need: Chromium, MPI, ONNX's own checker
//   node tools/setup.mjs --dry-run     say what would be done
//
// Plain JavaScript without dependencies: it runs before anything else, on the machine's own Node.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir, platform } from 'node:os';
import { join } from 'node:path';

const flags = process.argv.slice(2);
const stranger = flags.find((flag) => !['--dry-run', '--for-tests'].includes(flag));
if (stranger !== undefined) {
  console.error(`error: unknown option '${stranger}'; there are --for-tests and --dry-run.`);
  process.exit(2);
}
const dryRun = flags.includes('--dry-run');
const forTests = flags.includes('--for-tests');

/** What may be missing: how to see that it is there, and its packages, the first that exists is taken. */
const wanted = [
  {
    title: 'oneDNN (the fast engine)',
    isThere: () => hasLibrary(/^libdnnl(\.so\.[23]|\.[23].*\.dylib|\.dylib)/),
    apt: ['libdnnl3.6', 'libdnnl3', 'libdnnl2'],
    brew: 'onednn',
  },
  {
    title: 'libjpeg-turbo (quick decoding of JPEG pictures)',
    isThere: () => hasLibrary(/^libturbojpeg(\.so\.0|\.dylib)/),
    apt: ['libturbojpeg0'],
    brew: 'jpeg-turbo',
    otherwise: 'Pictures are decoded by sharp without it.',
  },
  {
    title: 'Fashion-MNIST (pictures to train on)',
    isThere: hasFashionMnist,
    apt: ['dataset-fashion-mnist'],
    otherwise: 'Laurel downloads it when it is first needed.',
  },
  {
    title: 'Chromium (tests of the page in examples/browser)',
    isThere: () => isOnPath('chromium'),
    apt: ['chromium'],
    otherwise: 'Those tests are skipped without it.',
    forTests: true,
  },
  ...[
    ['Open MPI', 'mpirun.openmpi', 'openmpi-bin'],
    ['MPICH', 'mpiexec.mpich', 'mpich'],
  ].map(([title, file, name]) => ({
    title: `${title} (tests of several ranks)`,
    isThere: () => isOnPath(file),
    apt: [name],
    otherwise: 'Those tests are skipped without it.',
    forTests: true,
  })),
  {
    title: "Python's onnx (checks exported files)",
    isThere: () => spawnSync('/usr/bin/python3', ['-c', 'import onnx'], { stdio: 'ignore' }).status === 0,
    apt: ['python3-onnx'],
    otherwise: 'Those tests are skipped without it.',
    forTests: true,
  },
];

const missing = wanted.filter((item) => (forTests || !item.forTests) && !item.isThere());
if (missing.length > 0) {
  if (isOnPath('apt-get')) installWithApt(missing);
  else if (isOnPath('brew')) installWithBrew(missing);
  else
    for (const { title, otherwise = '`npx laurel doctor` says how to get it.' } of missing)
      say(`Missing: ${title}. ${otherwise}`);
}

function installWithApt(items) {
  const root = process.getuid?.() === 0;
  const mayInstall =
    root || (isOnPath('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0);
  if (mayInstall && !dryRun) asRoot(root, ['apt-get', '-qq', 'update']);
  for (const { title, apt, isThere, otherwise = '' } of items) {
    const name = apt.find(hasCandidate) ?? (apt.length === 1 ? apt[0] : undefined);
    if (name === undefined) {
      say(
        `Missing: ${title}. This system's packages do not have it; \`npx laurel doctor\` says how to get it.`,
      );
      continue;
    }
    const command = `${root ? '' : 'sudo '}apt-get install ${name}`;
    if (dryRun || !mayInstall) {
      say(`Missing: ${title}. ${dryRun && mayInstall ? 'Would run' : 'To install it, run'}: ${command}`);
      continue;
    }
    say(`Installing ${title}: ${command}`);
    asRoot(root, ['apt-get', '-qq', '-y', 'install', '--no-install-recommends', name]);
    if (!isThere()) say(`It could not be installed. ${otherwise}`.trim());
  }
}

function installWithBrew(items) {
  for (const { title, brew, otherwise = '' } of items) {
    if (brew === undefined) say(`Missing: ${title}. ${otherwise}`);
    else if (dryRun) say(`Missing: ${title}. Would run: brew install ${brew}`);
    else {
      say(`Installing ${title}: brew install ${brew}`);
      if (spawnSync('brew', ['install', '--quiet', brew], { stdio: ['ignore', 2, 2] }).status !== 0) {
        say(`It could not be installed. ${otherwise}`.trim());
      }
    }
  }
}

/** Runs a command with the rights to install; what it has to say is shown when it fails. */
function asRoot(root, command) {
  const asked = ['env', 'DEBIAN_FRONTEND=noninteractive', ...command];
  const [file, ...args] = root ? asked : ['sudo', '-n', ...asked];
  const { status, stdout, stderr } = spawnSync(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) say(`${command.join(' ')} failed:\n${stdout ?? ''}${stderr ?? ''}`.trimEnd());
}

/** True when apt knows a version of the package that it could install. */
function hasCandidate(name) {
  const { stdout, status } = spawnSync('apt-cache', ['policy', name], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  return status === 0 && /Candidate: (?!\(none\))/.test(stdout);
}

function isOnPath(command) {
  return (process.env.PATH ?? '')
    .split(':')
    .some((folder) => folder !== '' && existsSync(join(folder, command)));
}

/** Whether a file of that name lies where libraries do. */
function hasLibrary(name) {
  const folders = [
    ...(process.env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== ''),
    ...['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((triplet) => `/usr/lib/${triplet}`),
    ...['/usr/lib', '/usr/lib64', '/usr/local/lib', '/usr/local/lib64'],
    ...['onednn', 'jpeg-turbo'].map((formula) => `/usr/local/opt/${formula}/lib`),
    ...['/opt/homebrew/lib', '/opt/homebrew/opt/onednn/lib', '/opt/homebrew/opt/jpeg-turbo/lib'],
  ];
  return folders.some((folder) => hasEntry(folder, (file) => name.test(file)));
}

function hasFashionMnist() {
  const own = process.env.LAUREL_DATA;
  const cache =
    platform() === 'darwin'
      ? join(homedir(), 'Library', 'Caches')
      : process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folders = [
    ...(own ? [join(own, 'fashion-mnist'), own] : []),
    join(cache, 'laurel', 'data', 'fashion-mnist'),
    '/usr/share/datasets/fashion-mnist',
  ];
  const files = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'];
  return folders.some((folder) =>
    files.every((file) => ['', '.gz'].some((ending) => existsSync(join(folder, `${file}-ubyte${ending}`)))),
  );
}

function hasEntry(folder, matches) {
  try {
    return readdirSync(folder).some(matches);
  } catch {
    return false;
  }
}

function say(sentence) {
  console.error(sentence);
}
