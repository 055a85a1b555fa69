;; Adam's update of one tensor, in place and in one pass, and sums of gradients: see src/optimizer/adam-kernel.ts.
;;
;; Addresses are in bytes, and tensors take a multiple of 16 bytes. All arithmetic is float32, in the order of `adamUpdate`
;; in src/optimizer/adam.ts, so that both give the same bits.
(module
  (import "air" "memory" (memory 0))
  (func (export "update")
    (param $parameter i32) (param $first i32) (param $second i32) (param $gradient i32) (param $bytes i32)
    (param $clip f32) (param $beta1 f32) (param $beta2 f32) (param $step f32) (param $epsilon f32)
    (local $end i32)
    (local $clips v128) (local $beta1s v128) (local $beta2s v128) (local $steps v128) (local $epsilons v128)
    (local $g v128) (local $m v128) (local $v v128)
    (local.set $end (i32.add (local.get $gradient) (local.get $bytes)))
    (local.set $clips (f32x4.splat (local.get $clip)))
    (local.set $beta1s (f32x4.splat (local.get $beta1)))
    (local.set $beta2s (f32x4.splat (local.get $beta2)))
    (local.set $steps (f32x4.splat (local.get $step)))
    (local.set $epsilons (f32x4.splat (local.get $epsilon)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $gradient) (local.get $end)))
        ;; g = gradient * clip; m = first * beta1 + g; v = second * beta2 + g * g
        (local.set $g (f32x4.mul (v128.load (local.get $gradient)) (local.get $clips)))
        (local.set $m (f32x4.add (f32x4.mul (v128.load (local.get $first)) (local.get $beta1s)) (local.get $g)))
        (local.set $v
          (f32x4.add
            (f32x4.mul (v128.load (local.get $second)) (local.get $beta2s))
            (f32x4.mul (local.get $g) (local.get $g))))
        (v128.store (local.get $first) (local.get $m))
        (v128.store (local.get $second) (local.get $v))
        ;; parameter = parameter - m / (sqrt(v) + epsilon) * step
        (v128.store
          (local.get $parameter)
          (f32x4.sub
            (v128.load (local.get $parameter))
            (f32x4.mul
              (f32x4.div (local.get $m) (f32x4.add (f32x4.sqrt (local.get $v)) (local.get $epsilons)))
              (local.get $steps))))
        (local.set $parameter (i32.add (local.get $parameter) (i32.const 16)))
        (local.set $first (i32.add (local.get $first) (i32.const 16)))
        (local.set $second (i32.add (local.get $second) (i32.const 16)))
        (local.set $gradient (i32.add (local.get $gradient) (i32.const 16)))
        (br $next))))

  ;; sum = sum + part
  (func (export "add") (param $sum i32) (param $part i32) (param $bytes i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $part) (local.get $bytes)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $part) (local.get $end)))
        (v128.store (local.get $sum) (f32x4.add (v128.load (local.get $sum)) (v128.load (local.get $part))))
        (local.set $sum (i32.add (local.get $sum) (i32.const 16)))
        (local.set $part (i32.add (local.get $part) (i32.const 16)))
        (br $next))))

  ;; The sum of the squares, in float64: one number is long enough for millions of them.
  (func (export "squares") (param $numbers i32) (param $bytes i32) (result f64)
    (local $end i32) (local $four v128) (local $low v128) (local $high v128)
    (local.set $end (i32.add (local.get $numbers) (local.get $bytes)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $numbers) (local.get $end)))
        (local.set $four (v128.load (local.get $numbers)))
        (local.set $four (f32x4.mul (local.get $four) (local.get $four)))
        (local.set $low (f64x2.add (local.get $low) (f64x2.promote_low_f32x4 (local.get $four))))
        (local.set $high
          (f64x2.add
            (local.get $high)
            (f64x2.promote_low_f32x4 (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $four) (local.get $four)))))
        (local.set $numbers (i32.add (local.get $numbers) (i32.const 16)))
        (br $next)))
    (local.set $low (f64x2.add (local.get $low) (local.get $high)))
    (f64.add (f64x2.extract_lane 0 (local.get $low)) (f64x2.extract_lane 1 (local.get $low)))))
