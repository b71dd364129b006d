// A report: everything there is to see in a network with its weights and a data set, as a folder of files that a browser
// opens without a server. The scans come from the cache and go there, so a second report takes little time.
import { basename } from 'node:path';
import { diagramOf } from '../diagram/diagram.ts';
import { engineInWords } from '../engines/in-words.ts';
import { diverging } from '../explain/colours.ts';
import { findLayer } from '../explain/layer.ts';
import type { Rule } from '../explain/project.ts';
import { scanLayers } from '../explain/scan.ts';
import { inputSize, inputsOf } from '../explain/scan-input.ts';
import { type OpenScanRequest, openScan } from '../explain/scan-open.ts';
import { chooseUnits } from '../explain/top.ts';
import { hex, sequential, seriesColour } from '../figures/colour.ts';
import { version } from '../version.ts';
import { chosenPictures } from './chosen-pictures.ts';
import { type ExperimentOptions, openExperiments, putExperiments } from './experiments.ts';
import { putFilters } from './filter-data.ts';
import { writePage } from './html.ts';
import { putPictures, putProjectedLayer } from './layer-views.ts';
import { stageLayers } from './layers.ts';
import { type PictureSummary, putPictureViews } from './picture-views.ts';
import { checkPlace, openSite } from './site.ts';
import { storedScans } from './stored-scans.ts';
import { everyLayer, type LayerSummary, putLayer } from './unit-data.ts';
import { panelWords } from './words.ts';

export interface ReportRequest extends OpenScanRequest, ExperimentOptions {
  readonly out: string;
  /** Default: the last layer at each size of the maps. */
  readonly layers?: readonly string[] | undefined;
  /** Maps of each layer that are projected, drawn by the seed; default 8. */
  readonly maps?: number | undefined;
  /** Default 1. */
  readonly seed?: number | undefined;
  /** Default deconvnet. */
  readonly rule?: Rule | undefined;
  /** Files, or numbers of pictures of the data set, to look at by themselves; default: three of the data set. */
  readonly pictures?: readonly string[] | undefined;
  /** Places of the occluding square along a side, about; 0 for no occlusion. Default 14. */
  readonly occlusionPlaces?: number | undefined;
  /** Where scans are kept; without it nothing is kept. */
  readonly scans?: string | undefined;
  readonly onStatus?: (text: string) => void;
}

export interface ReportResult {
  /** The page to open. */
  readonly out: string;
  readonly net: string;
  readonly form: string;
  readonly data: string;
  readonly layers: readonly Pick<LayerSummary, 'path' | 'units' | 'pictures' | 'projected'>[];
  readonly pictures: readonly string[];
  /** Addresses of the experiments' pages, behind the `#`. */
  readonly experiments: readonly string[];
}

/** Makes a report. Throws a UserError: what is missing, or does not fit; or the signal's reason. */
export async function writeReport(request: ReportRequest): Promise<ReportResult> {
  const { out, maps = 8, seed = 1, rule = 'deconvnet', occlusionPlaces = 14, signal, onStatus } = request;
  checkPlace(out);
  const opened = await openScan(request);
  const { subject, data, engine, checksum, dtype } = opened;
  const network = subject.build(1);
  const paths = request.layers ?? stageLayers(network);
  for (const path of paths) findLayer(network, path);
  const chosen = chosenPictures(request.pictures, opened);
  const experimenting = await openExperiments(request, request.weights, opened, request.onNote);
  const scanning = { subject, source: data.source, data: checksum, engine, dtype, signal };
  const scans = await scanLayers({
    ...scanning,
    layers: paths,
    folder: request.scans,
    onNote: request.onNote,
    onProgress: (done, total) => onStatus?.(`scanning: ${done} of ${total} pictures`),
  });
  const others =
    request.scans === undefined
      ? []
      : storedScans({
          folder: request.scans,
          subject,
          data: checksum,
          pictures: data.source.length,
          dtype,
          except: paths,
        });
  const site = openSite(out);
  try {
    const order = [...network.graph.modules.keys()];
    const layers: LayerSummary[] = [];
    for (const scan of scans) {
      const units = chooseUnits(scan.units, maps, seed);
      layers.push(await putProjectedLayer({ site, opened, scan, units, rule, signal, onStatus }));
    }
    for (const scan of others) layers.push(putLayer(site, subject, scan, new Map()));
    layers.sort((a, b) => order.indexOf(a.path) - order.indexOf(b.path));
    await putPictures(site, opened, [...scans, ...others], onStatus);
    const images = await inputsOf(chosen.source, subject.preprocessing, chosen.indices);
    const views = await putPictureViews({
      site,
      subject,
      engine,
      dtype: 'f32',
      images,
      names: chosen.names,
      labels: chosen.labels,
      classes: data.classes,
      layers: paths,
      occlusionPlaces,
      signal,
      onStatus,
    });
    const experiments = await putExperiments({
      ...experimenting,
      site,
      opened,
      scans: [...scans, ...others].sort((a, b) => order.indexOf(a.layer) - order.indexOf(b.layer)),
      chosen,
      images,
      dtype: 'f32',
      seed,
      signal,
      onStatus,
    });
    const filters = await putFilters(site, subject);
    const weights = basename(opened.model.path);
    site.put('site', {
      network: network.name,
      form: network.form,
      weights,
      data: data.name,
      pictures: data.source.length,
      rule,
      input: inputSize(subject.preprocessing),
      protocol: `${dtype}, ${engineInWords(engine.describe())}`,
      version,
      layers,
      views,
      experiments,
      filters,
      words: panelWords,
      colours: coloursForPage(),
    });
    const diagram = diagramOf(network);
    writePage(site, {
      diagram,
      layers,
      every: everyLayer(network),
      views,
      experiments,
      filters,
      weights,
      data: data.name,
      pictures: data.source.length,
    });
    site.finish();
    return {
      out: `${out.replace(/\/$/, '')}/index.html`,
      net: network.name,
      form: network.form,
      data: data.name,
      layers: layers.map(({ path, units, pictures, projected }) => ({ path, units, pictures, projected })),
      pictures: views.map(({ name }: PictureSummary) => name),
      experiments: experiments.map(({ address }) => address),
    };
  } catch (error) {
    site.discard();
    throw error;
  }
}

/** The scales of colour.ts and colours.ts, from their lowest to their highest value. */
function coloursForPage() {
  const steps = 65;
  return {
    sequential: Array.from({ length: steps }, (_, i) => hex(sequential(i / (steps - 1)))),
    diverging: Array.from({ length: steps }, (_, i) => hex(diverging((2 * i) / (steps - 1) - 1))),
    series: Array.from({ length: 7 }, (_, i) => seriesColour(i)),
  };
}
