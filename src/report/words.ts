// What every kind of panel shows, how it is read and what to look for: a sentence each, with the figure of the ZFNet
// paper (Zeiler & Fergus 2014) that it follows.

export interface PanelWords {
  readonly title: string;
  readonly shows: string;
  readonly read: string;
  readonly look: string;
  readonly source: string;
}

const zeilerFergus = 'Zeiler & Fergus 2014';

export const panelWords = {
  diagram: {
    title: 'The network',
    shows: 'Every layer of the network in the order in which a picture passes through it.',
    read: 'Boxes name parameters and multiply-adds, lines the shape channels×height×width; blocks fold, and framed boxes lead to their maps.',
    look: 'Where the maps shrink while their number grows, and where most of the parameters sit.',
    source: `${zeilerFergus}, figure 3`,
  },
  filters: {
    title: 'First-layer filters',
    shows:
      'The weights of the first convolution, the only filters that work on pixels and can be seen as pictures.',
    read: 'Mid-grey is a weight of zero, brighter is positive, darker negative; the three colours are the three channels.',
    look: 'Edges and colour blobs at many orientations and frequencies; flat or noisy filters are wasted ones.',
    source: `${zeilerFergus}, figure 6 (b, c)`,
  },
  layer: {
    title: 'Maps of this layer',
    shows:
      'For each projected map its nine strongest pictures: projections on the left, the same parts of the pictures on the right.',
    read: 'Each small square is cut to the part that holds nine tenths of a projection’s energy; the number is the strongest activation.',
    look: 'How much the nine have in common, and how that grows from edges over textures to objects with depth.',
    source: `${zeilerFergus}, figure 2`,
  },
  units: {
    title: 'Every map that was scanned',
    shows: 'All maps of the layer with their strongest activation over the data set.',
    read: 'A longer bar is a stronger activation; a bold number has projections, a struck one was never above zero.',
    look: 'Maps that dominate the layer, and dead ones.',
    source: `${zeilerFergus}, section 4.1`,
  },
  top: {
    title: 'The nine strongest pictures',
    shows:
      'The activation alone, carried down to the pixels by the deconvnet, beside the part of the picture that it could see.',
    read: 'Mid-grey is zero; what stands out is what made this map answer in this very picture.',
    look: 'What stays the same in all nine although pose, colour and background change.',
    source: `${zeilerFergus}, figure 2`,
  },
  pictures: {
    title: 'The nine strongest pictures',
    shows:
      'The pictures that excite this map most, with the part that its strongest position could see framed.',
    read: 'The map was scanned and not projected; the number is its activation in each picture.',
    look: 'What the framed parts have in common.',
    source: `${zeilerFergus}, figure 2`,
  },
  answer: {
    title: 'What the network says',
    shows: 'The picture as the network sees it, and its five most probable classes.',
    read: 'A bar is the softmax probability of a class.',
    look: 'Whether the runners-up are alike: what follows explains the first of them.',
    source: `${zeilerFergus}, figure 7 (a)`,
  },
  gradcam: {
    title: 'Grad-CAM',
    shows:
      'Where the last maps speak for the most probable class: each map weighted by the mean gradient of the class, summed and rectified.',
    read: 'Dark is much, pale nothing; on the picture, what the map marks keeps its colours.',
    look: 'Whether the class is read off the object or off its surroundings.',
    source: 'Selvaraju et al. 2017; compare figure 7 (d) of Zeiler & Fergus 2014',
  },
  rules: {
    title: 'Three ways down, layer by layer',
    shows:
      'The strongest map of each layer in this picture, carried down to the pixels by deconvnet, gradient and guided backpropagation.',
    read: 'The three differ in the ReLUs alone; mid-grey is zero, and brighter or darker pixels speak for or against the activation.',
    look: 'What all three agree on; guided backpropagation looks crisp even for random weights, so crispness proves nothing.',
    source: `${zeilerFergus}, section 2.1 and figure 2`,
  },
  activations: {
    title: 'Activations',
    shows: 'What the strongest maps of each layer make of this picture.',
    read: 'Pale is zero and dark the largest value; in layers with values below zero blue is below and vermilion above.',
    look: 'How place gives way to meaning: early maps trace the picture, late ones are on or off.',
    source: `${zeilerFergus}, section 2.1`,
  },
  occlusion: {
    title: 'Occlusion',
    shows:
      'A grey square slides over the picture; each map has one value per place of the square. Below, what the watched map answers to.',
    read: 'Where the probability falls, the covered part mattered; in the overlay vermilion speaks for the class and blue against it.',
    look: 'Whether the probability and the activity of the strongest map fall on the object, and what the picture becomes without it.',
    source: `${zeilerFergus}, figure 7 (b to e)`,
  },
  evolution: {
    title: 'Moment by moment',
    shows:
      'For each map the strongest activation over the training set, carried down to the pixels, at several moments of a training.',
    read: 'From left to right the training goes on; under each projection the part of the picture that caused it, and a dot where another picture took the lead.',
    look: 'Lower layers settle within a few epochs and upper ones late; a sudden jump is another picture, not another filter.',
    source: `${zeilerFergus}, figure 4`,
  },
  animation: {
    title: 'In motion',
    shows: 'The same maps beside each other at one moment of the training.',
    read: 'Choose a moment or play them all; on the left the projection, on the right the part of the picture.',
    look: 'Where noise turns into form, and whether a map keeps what it has found.',
    source: `${zeilerFergus}, figure 4`,
  },
  translation: {
    title: 'Vertical translation',
    shows: 'How far features go, and what the class loses, when pictures move up and down.',
    read: 'A line for each picture in the colour beside its strip; the dotted line is the picture as it is, where the distance is 0.',
    look: 'A cliff beside the dotted line in the first layer, and a gentle slope in the last.',
    source: `${zeilerFergus}, figure 5 (a)`,
  },
  scale: {
    title: 'Scale',
    shows: 'How far features go, and what the class loses, when pictures are enlarged about their centre.',
    read: 'A line for each picture in the colour beside its strip; at 1 the picture is as it is, where the distance is 0.',
    look: 'Whether the last layer follows in proportion, and how much of the object may leave the picture before the class goes.',
    source: `${zeilerFergus}, figure 5 (b)`,
  },
  rotation: {
    title: 'Rotation',
    shows: 'How far features go, and what the class loses, when pictures are turned about their centre.',
    read: 'A line for each picture in the colour beside its strip; at 0 and 360 degrees the picture is as it is.',
    look: 'Dips where a turned object looks like itself; otherwise rotation is not forgiven.',
    source: `${zeilerFergus}, figure 5 (c)`,
  },
  correspondence: {
    title: 'Correspondence',
    shows:
      'The same part is covered in several pictures: the share of features whose change has another sign, mean over pairs of pictures.',
    read: 'A dot is the mean, the thin line the deviation over pairs, the thick one the standard error; grey, dashed, are boxes at random places.',
    look: 'Parts to the left of the dashed line: there the layer answers alike in all pictures, so it knows of the part.',
    source: `${zeilerFergus}, table 1`,
  },
  health: {
    title: 'Dead maps',
    shows: 'For each scanned layer how many pictures wake its maps.',
    read: 'A strip is the layer’s maps from the sleepiest to those that every picture wakes; the darker, the more pictures.',
    look: 'Maps that never wake: they cost time and see nothing; in a first layer they speak for bad filters or a step too large.',
    source: `${zeilerFergus}, figure 6 and section 4.1`,
  },
  probe: {
    title: 'What layers are good for',
    shows: 'The error of a linear classifier that is trained on the frozen features of each layer.',
    read: 'A bar is the top-1 error on the test pictures, the mark in it that on the training pictures; shorter is better.',
    look: 'Errors that fall from layer to layer; on data of another kind the best layer is often not the last.',
    source: `${zeilerFergus}, table 7`,
  },
} as const satisfies Record<string, PanelWords>;

export type PanelKind = keyof typeof panelWords;
