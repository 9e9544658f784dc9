/** Weights with an adapter beside them. */
import { parameter, type Tensor } from "../../onnx/Graph.ts"
import { add, mul } from "../../onnx/ops/Arithmetic.ts"
import { concat, split } from "../../onnx/ops/Join.ts"
import { cast } from "../../onnx/ops/Logic.ts"
import { linear } from "../../onnx/ops/MatMul.ts"
import { scope } from "../../onnx/Scope.ts"
import { SCORE_HEAD } from "../model/Heads.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { Weights, WeightSource } from "../model/Weights.ts"
import { present } from "../Present.ts"
import type { Adapter } from "./Adapter.ts"
import { type AdapterConfig, adapterScale, adapterTensors, factorNames } from "./AdapterConfig.ts"

/**
 * Adds an adapter to the linear layers of a model, leaving its weights as they are:
 *
 *     y = x W^T + b + scale (drop(x) A^T) B^T
 *
 * Layers that read the same x share one product with their A stacked, and what dropout hides of x.
 *
 * @param factor A, B or the score head by name, float32.
 * @param drop hides some of x, for the layers of these names; absent where nothing is trained.
 */
export const adaptedWeights = (
  base: Weights,
  adapter: AdapterConfig,
  factor: (name: string) => Tensor,
  drop?: ((x: Tensor, modules: ReadonlyArray<string>) => Tensor) | undefined
): Weights => {
  const targets = new Set(adapter.modules)
  const added = (x: Tensor, modules: ReadonlyArray<string>): ReadonlyMap<string, Tensor> => {
    const factorOf = (module: string, which: "a" | "b") => cast(factor(factorNames(module)[which]), x.dtype)
    const seen = drop === undefined ? x : drop(x, modules)
    const inner = linear(seen, concat(modules.map((module) => factorOf(module, "a")), 0))
    const parts = split(inner, -1, modules.map(() => adapter.rank))
    return new Map(modules.map((module, index) => [
      module,
      // The scale goes to B: where B is fixed, onnxruntime multiplies them once, when it loads the program.
      linear(present(parts[index], `product with A of ${module}`), mul(factorOf(module, "b"), adapterScale(adapter)))
    ]))
  }
  return {
    ...base,
    tensor: (name) => name === SCORE_HEAD && adapter.scoreHead === true ? factor(SCORE_HEAD) : base.tensor(name),
    linear: (x, modules) => {
      const products = base.linear(x, modules)
      const adapted = modules.filter((module) => targets.has(module))
      if (adapted.length === 0) return products
      const additions = scope("adapter", () => added(x, adapted))
      return products.map((product, index) => {
        const addition = additions.get(modules[index] ?? "")
        return addition === undefined ? product : add(product, addition)
      })
    }
  }
}

/**
 * A fixed adapter for programs that only read it. It stays beside the base rather than merged into it: the base is read in
 * place, sampling and training compute log-probs by the same formula, and quantised weights can be adapted too. What that
 * costs a decoded token is written in docs/decisions/0013-adapters-beside-the-base.md.
 */
export const adaptedSource =
  (model: ModelConfig, base: WeightSource, { config, values }: Adapter): WeightSource => (program) => {
    const factors = new Map([...adapterTensors(model, config)].map(([name, dims]) => [
      name,
      parameter(program, name, "float32", dims, present(values.get(name), name))
    ]))
    return adaptedWeights(base(program), config, (name) => present(factors.get(name), name))
  }
