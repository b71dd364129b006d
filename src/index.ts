// Laurel as a library: everything in `core.ts`, and what needs Node: the native engine, data, weights, training,
// evaluation. The command line is built on nothing else.

export { accuracyFigure } from './compare/accuracy-figure.ts';
export { type CompareOptions, type Comparison, compare, measureSpeeds } from './compare/compare.ts';
export { diffNetworks, type NetworkDiff } from './compare/diff.ts';
export { type ProtocolGroup, type PublishedEntry, publishedByProtocol } from './compare/published.ts';
export * from './core.ts';
export type { Augmentation, Normalisation } from './data/augment.ts';
export type { Dataset, Split } from './data/dataset.ts';
export { findDataset, knownDatasets, type OpenOptions, openDataset } from './data/datasets.ts';
export { type Batch, createLoader, type Loader, type LoaderOptions } from './data/loader.ts';
export { type OpenPicturesOptions, openPictures } from './data/pictures/open.ts';
export { type PackOptions, type PackResult, packPictures } from './data/pictures/pack/pack.ts';
export { type VerifyOptions, verifyPack } from './data/pictures/pack/verify.ts';
export { type PictureIndex, pictureName } from './data/pictures/picture-index.ts';
export { createPictureLoader, type PictureLoaderOptions } from './data/pictures/picture-loader.ts';
export type { PictureTransform, TrainingTransform } from './data/pictures/render/transform.ts';
export { type Diagram, diagramOf } from './diagram/diagram.ts';
export { diagramFigure } from './diagram/figure.ts';
export { diagramPage } from './diagram/page.ts';
export { joinRanks, type Ranks, type RanksOptions } from './distribute/ranks.ts';
export { type Choice, chooseDtype, chooseEngine } from './engines/choose.ts';
export { measurePeaks, type Peaks } from './engines/profile/peaks.ts';
export { type Profile, profileOf } from './engines/profile/profile.ts';
export { type Trace, traceOf } from './engines/profile/trace.ts';
export { type Classification, type ClassifyOptions, classify } from './evaluate/classify.ts';
export { type EvaluateOptions, type Evaluation, evaluate, type MemberProtocol } from './evaluate/evaluate.ts';
export { type ExportOptions, type ExportResult, exportOnnx } from './evaluate/export-onnx.ts';
export type { PreprocessingOverrides } from './evaluate/overrides.ts';
export type { Preprocessing } from './evaluate/preprocessing.ts';
export { type Pulled, type PullOptions, pullWeights } from './evaluate/pull.ts';
export {
  type Correspondence,
  type CorrespondenceRequest,
  measureCorrespondence,
} from './explain/correspondence.ts';
export {
  type Deconvolution,
  type DeconvRequest,
  deconvolve,
  writeDeconvolution,
} from './explain/deconvnet.ts';
export { evolve, type LayerEvolution } from './explain/evolution.ts';
export { type MakeEvolutionRequest, makeEvolution } from './explain/evolution-open.ts';
export {
  type ExtractRequest,
  type ExtractResult,
  extractFeatures,
  type FeatureIndex,
} from './explain/features.ts';
export { createGradCam } from './explain/grad-cam.ts';
export { layerHealth } from './explain/health.ts';
export { type Invariance, type InvarianceRequest, measureInvariance } from './explain/invariance.ts';
export { findLayer, type Layer, layerPaths, receptiveBox } from './explain/layer.ts';
export { type Occlusion, type OcclusionRequest, occlude } from './explain/occlusion.ts';
export { type LayerProbe, type ProbeRequest, probe } from './explain/probe.ts';
export {
  createProjector,
  type Projection,
  type Projector,
  type ProjectorOptions,
  type Rule,
} from './explain/project.ts';
export { checkSanity, type SanityCheck } from './explain/sanity.ts';
export { type LayerScan, type ScanRequest, scanLayers } from './explain/scan.ts';
export { openScan } from './explain/scan-open.ts';
export { type OpenSubject, openSubject, type SubjectRequest } from './explain/subject.ts';
export { families, findNetwork, networks } from './nets/index.ts';
export { type QuantiseOptions, type QuantiseResult, quantise } from './quantise/quantise.ts';
export { type ReportRequest, type ReportResult, writeReport } from './report/report.ts';
export { readMetrics } from './run/metrics.ts';
export { listRuns, type RunFiles, type RunRow, type RunState, readRun } from './run/runs.ts';
export { diffRuns, drawRunsDiff, type RunsDiff } from './run/runs-diff.ts';
export { type BenchOptions, type BenchResult, benchInfer, benchTrain } from './train/bench.ts';
export type { EpochRecord, TrainEvent, TrainOptions, TrainResult } from './train/options.ts';
export { adjustRecipe } from './train/recipes/adjust.ts';
export { describeRecipe } from './train/recipes/describe.ts';
export { defaultRecipe, findRecipe, recipes } from './train/recipes/index.ts';
export type { OptimizerOptions, Recipe, RecipeOverrides } from './train/recipes/recipe.ts';
export { type DryRun, dryRun } from './train/rehearse/dry-run.ts';
export { findLearningRate, type RateSearch, type RateSearchOptions } from './train/rehearse/lr-find.ts';
export { drawRateSearch } from './train/rehearse/lr-find-figure.ts';
export { type OverfitOptions, type OverfitResult, overfitBatch } from './train/rehearse/overfit.ts';
export type { RehearsalOptions } from './train/rehearse/rehearsal.ts';
export { learningRateAt, type Schedule, type SchedulePosition } from './train/schedule.ts';
export {
  buildTestStep,
  buildTrainingStep,
  type ParameterGroup,
  type TrainingStepOptions,
} from './train/step.ts';
export { train } from './train/trainer.ts';
export type { TransferRequest } from './train/transfer/config.ts';
export { version } from './version.ts';
export { inspectWeights, type TensorSummary, type WeightsSummary } from './weights/inspect.ts';
export { matchWeights, type WantedTensor } from './weights/match.ts';
export { readNpy, writeNpy } from './weights/npy.ts';
export { type PublishedWeights, publishedWeights } from './weights/published.ts';
export { writePytorch } from './weights/pytorch-write.ts';
export { readWeights, type WeightsFormat, weightsFormat } from './weights/read.ts';
export { readSafetensors, writeSafetensors } from './weights/safetensors.ts';
export type { Tensor, TensorFile } from './weights/tensor-file.ts';
