// Instructions against what GNU's assembler makes of them.
import { describe, expect, it } from 'vitest';
import { Assembler, at, type Label, r } from './assembler.ts';

type Emit = (a: Assembler) => void;

const instructions: readonly (readonly [text: string, emit: Emit, bytes: string])[] = [
  ['vmovups zmm0,[rsi+0x40]', (a) => a.load(0, at(r.si, 64)), '62 f1 7c 48 10 46 01'],
  ['vmovups zmm31,[r13+0x0]', (a) => a.load(31, at(r.r13)), '62 41 7c 48 10 7d 00'],
  ['vmovups [rdi+0x1000],zmm17', (a) => a.store(at(r.di, 4096), 17), '62 e1 7c 48 11 4f 40'],
  ['vmovups [rsp+0x1],zmm8', (a) => a.store(at(r.sp, 1), 8), '62 71 7c 48 11 84 24 01 00 00 00'],
  ['vmovups zmm9,zmm26', (a) => a.copy(9, 26), '62 11 7c 48 10 ca'],
  ['vpxord zmm30,zmm30,zmm30', (a) => a.clear(30), '62 01 0d 40 ef f6'],
  ['vbroadcastss zmm28,[rsi+0x1fc]', (a) => a.broadcast(28, at(r.si, 508)), '62 62 7d 48 18 66 7f'],
  [
    'vbroadcastss zmm5,[r12+0x200]',
    (a) => a.broadcast(5, at(r.r12, 512)),
    '62 d2 7d 48 18 ac 24 00 02 00 00',
  ],
  ['vfmadd231ps zmm23,zmm24,zmm31', (a) => a.multiplyAdd(23, 24, 31), '62 82 3d 40 b8 ff'],
  ['vfmadd231ps zmm1,zmm14,zmm3', (a) => a.multiplyAdd(1, 14, 3), '62 f2 0d 48 b8 cb'],
  [
    'vfmadd231ps zmm23,zmm24,DWORD PTR [rsi+0x1fc]{1to16}',
    (a) => a.multiplyAdd(23, 24, at(r.si, 508)),
    '62 e2 3d 50 b8 7e 7f',
  ],
  ['vdpbf16ps zmm23,zmm24,zmm31', (a) => a.multiplyAddPairs(23, 24, 31), '62 82 3e 40 52 ff'],
  [
    'vdpbf16ps zmm1,zmm14,DWORD PTR [rsi+0x1fc]{1to16}',
    (a) => a.multiplyAddPairs(1, 14, at(r.si, 508)),
    '62 f2 0e 58 52 4e 7f',
  ],
  ['vpmovzxwd zmm17,[r9+0x40]', (a) => a.widen(17, at(r.r9, 64)), '62 c2 7d 48 33 49 02'],
  ['vpslld zmm9,zmm26,16', (a) => a.shiftLanes(9, 26, 16), '62 91 35 48 72 f2 10'],
  ['vpord zmm3,zmm18,zmm30', (a) => a.or(3, 18, 30), '62 91 6d 40 eb de'],
  ['vaddps zmm16,zmm16,[r15-0x80]', (a) => a.add(16, 16, at(r.r15, -128)), '62 c1 7c 40 58 47 fe'],
  ['vpermps zmm30,zmm29,[rsi+0x140]', (a) => a.permute(30, 29, at(r.si, 320)), '62 62 15 40 16 76 05'],
  ['vmaxps zmm12,zmm12,zmm29', (a) => a.maximum(12, 12, 29), '62 11 1c 48 5f e5'],
  ['vminps zmm12,zmm12,zmm29', (a) => a.minimum(12, 12, 29), '62 11 1c 48 5d e5'],
  ['vrndscaleps zmm9,zmm26,0', (a) => a.roundToWhole(9, 26), '62 13 7d 48 08 ca 00'],
  ['vscalefps zmm3,zmm18,zmm30', (a) => a.scaleByPower(3, 18, 30), '62 92 6d 40 2c de'],
  ['vsqrtps zmm17,zmm30', (a) => a.squareRoot(17, 30), '62 81 7c 48 51 ce'],
  ['vdivps zmm3,zmm18,zmm30', (a) => a.quotient(3, 18, 30), '62 91 6c 40 5e de'],
  ['vfmadd213ps zmm23,zmm24,zmm31', (a) => a.multiplyThenAdd(23, 24, 31), '62 82 3d 40 a8 ff'],
  ['vfnmadd231ps zmm1,zmm14,zmm19', (a) => a.multiplySubtracted(1, 14, 19), '62 b2 0d 48 bc cb'],
  ['vcmpgt_oqps k3,zmm18,zmm30', (a) => a.greater(3, 18, 30), '62 91 6c 40 c2 de 1e'],
  ['vmovups zmm9{k3}{z},zmm26', (a) => a.copyWhere(3, 9, 26), '62 11 7c cb 10 ca'],
  ['push r15', (a) => a.push(r.r15), '41 57'],
  ['push rbp', (a) => a.push(r.bp), '55'],
  ['pop rbx', (a) => a.pop(r.bx), '5b'],
  ['call rax', (a) => a.call(r.ax), 'ff d0'],
  [
    'movabs r11,0x123456789abcdef0',
    (a) => a.setAddress(r.r11, 0x123456789abcdef0n),
    '49 bb f0 de bc 9a 78 56 34 12',
  ],
  ['mov rcx,0xfffffffffffffffb', (a) => a.set(r.cx, -5), '48 c7 c1 fb ff ff ff'],
  ['mov r9,rdx', (a) => a.move(r.r9, r.dx), '49 89 d1'],
  ['mov rax,[rsp+0x28]', (a) => a.move(r.ax, at(r.sp, 40)), '48 8b 44 24 28'],
  ['mov [r12+0x8],r10', (a) => a.keep(at(r.r12, 8), r.r10), '4d 89 54 24 08'],
  ['lea rsi,[rax-0xc8]', (a) => a.address(r.si, at(r.ax, -200)), '48 8d b0 38 ff ff ff'],
  ['add r14,r8', (a) => a.combine('add', r.r14, r.r8), '4d 01 c6'],
  ['sub rdx,[rbx]', (a) => a.combine('subtract', r.dx, at(r.bx)), '48 2b 53 00'],
  ['cmp r12,r13', (a) => a.combine('compare', r.r12, r.r13), '4d 39 ec'],
  ['xor rdx,rdx', (a) => a.combine('exclusiveOr', r.dx, r.dx), '48 31 d2'],
  ['add rsi,0x12345', (a) => a.combineWith('add', r.si, 0x12345), '48 81 c6 45 23 01 00'],
  ['sub r13,0x3e8', (a) => a.combineWith('subtract', r.r13, 1000), '49 81 ed e8 03 00 00'],
  ['cmp r10,0xfffffffffffffc18', (a) => a.combineWith('compare', r.r10, -1000), '49 81 fa 18 fc ff ff'],
  ['imul r8,rdx,0xfffffffffffffd80', (a) => a.multiplyBy(r.r8, r.dx, -640), '4c 69 c2 80 fd ff ff'],
  ['shl r12,0x30', (a) => a.shift('left', r.r12, 48), '49 c1 e4 30'],
  ['shr rcx,0x30', (a) => a.shift('right', r.cx, 48), '48 c1 e9 30'],
  ['div rcx', (a) => a.divide(r.cx), '48 f7 f1'],
  ['prefetcht0 [rsi+0x1000]', (a) => a.prefetch(1, at(r.si, 4096)), '0f 18 8e 00 10 00 00'],
  ['prefetcht0 [r9+0x40]', (a) => a.prefetch(1, at(r.r9, 64)), '41 0f 18 49 40'],
  [
    'prefetcht1 [rdx+r9*1+0x123456]',
    (a) => a.prefetch(2, at(r.dx, 0x123456), r.r9),
    '42 0f 18 94 0a 56 34 12 00',
  ],
];

const hex = (code: Uint8Array): string =>
  [...code].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

function assembled(emit: Emit): Uint8Array {
  const assembler = new Assembler();
  emit(assembler);
  return assembler.code();
}

describe('the assembler', () => {
  it.each(instructions)('%s', (_, emit, bytes) => {
    expect(hex(assembled(emit))).toBe(bytes);
  });

  it('clears the upper halves before it returns', () => {
    expect(hex(assembled((a) => a.leave()))).toBe('c5 f8 77 c3');
  });

  it('jumps forwards and backwards', () => {
    const code = assembled((a) => {
      const end: Label = {};
      const begin = a.here();
      a.jump(end, 'less');
      a.jump(begin);
      a.place(end);
    });
    expect(hex(code)).toBe('0f 8c 05 00 00 00 e9 f5 ff ff ff');
  });

  it('finds numbers that stand behind the code', () => {
    const code = assembled((a) => {
      const numbers: Label = {};
      a.addressOf(r.r9, numbers);
      a.place(numbers);
      a.numbers([1, -2]);
    });
    expect(hex(code)).toBe('4c 8d 0d 00 00 00 00 01 00 00 00 fe ff ff ff');
  });

  it('refuses what an instruction has no room for', () => {
    expect(() => assembled((a) => a.combineWith('add', r.ax, 2 ** 31))).toThrow('32 bits');
    expect(() => assembled((a) => a.jump({}))).toThrow('no place');
  });

  it('grows', () => {
    const code = assembled((a) => {
      for (let i = 0; i < 10_000; i++) a.push(r.bp);
    });
    expect(code.length).toBe(10_000);
    expect(new Set(code)).toEqual(new Set([0x55]));
  });
});
