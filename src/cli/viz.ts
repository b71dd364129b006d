// `laurel viz VERB NET ...`: looking inside a trained network, one verb for each part of Zeiler & Fergus 2014. This
// file only composes; each verb stands in its own file under `viz/`.
import type { Command } from 'commander';
import { didYouMean, UserError } from '../errors.ts';
import { addActivations } from './viz/activations.ts';
import { addCorrespondence } from './viz/correspondence.ts';
import { addDeconv } from './viz/deconv.ts';
import { addEvolution } from './viz/evolution.ts';
import { addFilters } from './viz/filters.ts';
import { addGradCam } from './viz/gradcam.ts';
import { addHealth } from './viz/health.ts';
import { addInvariance } from './viz/invariance.ts';
import { addOcclusion } from './viz/occlusion.ts';
import { addRules } from './viz/rules.ts';
import { addTop } from './viz/top.ts';

export function addViz(program: Command): void {
  const viz = program
    .command('viz')
    .description('look inside a network with its weights: projections, occlusion, top activations')
    .helpCommand('help [verb]', 'print the help of a verb');
  // What the verbs inherit: a slip here gets the names of these verbs, not of the program's.
  viz.exitOverride((error) => {
    if (error.code !== 'commander.unknownCommand') throw error;
    const wanted = viz.args[0] ?? '';
    const verbs = viz.commands.map((command) => command.name());
    throw new UserError(
      `laurel viz has no verb '${wanted}'; its verbs are ${verbs.join(', ')}.${didYouMean(wanted, verbs)}`,
      { exitCode: 2 },
    );
  });
  addDeconv(viz);
  addTop(viz);
  addFilters(viz);
  addHealth(viz);
  addActivations(viz);
  addGradCam(viz);
  addRules(viz);
  addOcclusion(viz);
  addInvariance(viz);
  addCorrespondence(viz);
  addEvolution(viz);
}
