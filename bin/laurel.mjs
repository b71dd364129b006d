#!/usr/bin/env node
// The `laurel` command. Plain JavaScript that any Node can read, because its first work is to find a Node that
// can run Laurel: in a checkout `npm ci` brings one (node_modules/node), elsewhere the one on the PATH must do.
// In a checkout it runs the TypeScript sources, in the published package the compiled ones.
import { spawn } from 'node:child_process';
import { existsSync, fstatSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const oldest = [22, 18];
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) {
  // Compiled code is kept between runs (in the system's temporary folder): a start takes a third of the time.
  module.enableCompileCache?.();
  const source = new URL('../src/cli/main.ts', import.meta.url);
  const { main } = await import(existsSync(source) ? source.href : '../dist/cli/main.js');
  await main(process.argv.slice(2));
} else {
  const pinned = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (existsSync(pinned)) runWith(pinned);
  else {
    const next = existsSync(new URL('../src', import.meta.url))
      ? 'Run `npm ci` in the checkout, which brings a newer one along.'
      : 'Install a newer one from https://nodejs.org.';
    console.error(
      `error: Laurel needs Node ${oldest.join('.')} or newer; this is ${process.version}. ${next}`,
    );
    process.exitCode = 1;
  }
}

/** Runs the same command with another Node, and ends as that one ends. */
function runWith(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: streams() });
  // The terminal sends Ctrl-C to both processes; one that is sent to this one alone is handed on. The child
  // takes signals that arrive together as one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`error: Cannot start ${node}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}

/** The three that every command has, and the socket that MPICH's launcher talks to its ranks over. */
function streams() {
  const line = Number(process.env.PMI_FD);
  const others = isSocket(line) ? [...Array(line - 3).fill('ignore'), line] : [];
  return ['inherit', 'inherit', 'inherit', ...others];
}

function isSocket(descriptor) {
  try {
    return descriptor > 2 && fstatSync(descriptor).isSocket();
  } catch {
    return false;
  }
}
