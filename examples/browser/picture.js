// A picture file as the bytes that a network wants: upright, what is transparent on black, its short side brought to
// the network's scale, the middle cut out, grey where the network knows no colours. These are Laurel's own steps, and
// `dist/resample.js` is Laurel's own resampling (a canvas would smooth in another way in every browser).
(() => {
  /** Decodes a file: `{ width, height, data }`, RGBA bytes without transparency. Throws an Error for the user. */
  globalThis.decodePicture = async (file) => {
    let bitmap;
    try {
      // Colour profiles are ignored, as Laurel does.
      bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none' });
    } catch {
      throw new Error(
        `${file.name} is not a picture that this browser can read. Give a JPEG, PNG or WebP file.`,
      );
    }
    const { width, height } = bitmap;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.fillStyle = '#000';
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context.getImageData(0, 0, width, height);
  };

  /** The crop that `model` sees of a picture: height * width * channels bytes. */
  globalThis.cropFor = (picture, { height, width, channels, resize, interpolation }) => {
    const least = resize === undefined ? { height, width } : { height: resize, width: resize };
    const factor = Math.max(least.height / picture.height, least.width / picture.width);
    const size = {
      height: Math.max(least.height, Math.round(picture.height * factor)),
      width: Math.max(least.width, Math.round(picture.width * factor)),
    };
    const { data } = picture;
    const source = {
      data,
      channels: 3,
      height: picture.height,
      width: picture.width,
      rowStep: picture.width * 4,
      pixelStep: 4,
      planeStep: 1,
    };
    const scaled = globalThis.resample(source, size, interpolation);
    const top = Math.floor((size.height - height) / 2);
    const left = Math.floor((size.width - width) / 2);
    const crop = new Uint8Array(height * width * channels);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = ((top + y) * size.width + left + x) * 3;
        const to = (y * width + x) * channels;
        if (channels === 1) crop[to] = luminance(scaled[from], scaled[from + 1], scaled[from + 2]);
        else crop.set(scaled.subarray(from, from + 3), to);
      }
    }
    return crop;
  };

  /** The grey that is as bright as a colour: Rec. 709's weights of linear light. */
  function luminance(red, green, blue) {
    if (red === green && green === blue) return red;
    const light = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    return Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055));
  }

  function linear(byte) {
    const value = byte / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }
})();
