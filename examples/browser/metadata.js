// What an ONNX file says about itself. onnxruntime-web does not hand out a model's metadata, so the file's outermost
// message is read here: fields are tag (number * 8 + wire type) and value, and all but two of them are skipped.
// Field 14 of ModelProto is a list of { key = 1, value = 2 }; field 2 is the producer.
(() => {
  const varintType = 0;
  const fixed64 = 1;
  const lengthDelimited = 2;
  const fixed32 = 5;

  /** Calls `visit(number, bytes)` with every length-delimited field of a message. */
  function eachField(bytes, visit) {
    let at = 0;
    const varint = () => {
      let value = 0;
      for (let factor = 1; ; factor *= 128) {
        if (at >= bytes.length) throw new Error('the file ends too early');
        const byte = bytes[at++];
        value += (byte & 0x7f) * factor;
        if (byte < 128) return value;
      }
    };
    while (at < bytes.length) {
      const tag = varint();
      const type = tag % 8;
      if (type === varintType) varint();
      else if (type === fixed64) at += 8;
      else if (type === fixed32) at += 4;
      else if (type === lengthDelimited) {
        const length = varint();
        if (at + length > bytes.length) throw new Error('the file ends too early');
        visit(Math.floor(tag / 8), bytes.subarray(at, at + length));
        at += length;
      } else throw new Error(`it holds a field of the unknown type ${type}`);
    }
  }

  /** `{ producer, entries }` of the file's bytes; throws an Error when they are no ONNX file. */
  globalThis.readOnnxMetadata = (bytes) => {
    const text = new TextDecoder();
    const entries = {};
    let producer = '';
    let hasGraph = false;
    eachField(bytes, (number, field) => {
      if (number === 2) producer = text.decode(field);
      if (number === 7) hasGraph = true;
      if (number !== 14) return;
      const pair = ['', ''];
      eachField(field, (part, value) => {
        pair[part - 1] = text.decode(value);
      });
      entries[pair[0]] = pair[1];
    });
    if (!hasGraph) throw new Error('it holds no graph');
    return { producer, entries };
  };
})();
