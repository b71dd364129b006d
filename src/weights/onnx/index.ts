// ONNX files: what the rest of Laurel uses of this folder.
export {
  encodeOnnx,
  type OnnxFile,
  type OnnxOptions,
  type OnnxPreprocessing,
  type Port,
  writeOnnx,
} from './export.ts';
export { opsetVersion } from './messages.ts';
