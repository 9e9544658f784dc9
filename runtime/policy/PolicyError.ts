import * as Schema from "effect/Schema"

/** A request that a policy cannot serve: which request, what is wrong with it and what to change. */
export class PolicyRequestError extends Schema.TaggedError<PolicyRequestError>()("PolicyRequestError", {
  /** generate, score, rewards, values or train. */
  operation: Schema.String,
  /** Where in the request: "prompts[3]", "steps[0][12].response", "temperature". */
  place: Schema.String,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `${this.operation}: ${this.place} ${this.problem}. ${this.remedy}`
  }
}

/** Training met a loss or gradient that is not a finite number and did not take that step. */
export class TrainingDiverged extends Schema.TaggedError<TrainingDiverged>()("TrainingDiverged", {
  /** 1-based optimiser step. */
  step: Schema.Int,
  totalSteps: Schema.Int,
  quantity: Schema.Literals(["loss", "gradient norm", "largest weight"]),
  value: Schema.String,
  learningRate: Schema.Finite,
  /** The folder that holds the state of training before that step; null where none was asked for. */
  kept: Schema.NullOr(Schema.String)
}) {
  override get message() {
    return `training stopped at step ${this.step} of ${this.totalSteps}: the ${this.quantity} is ${this.value} at learning `
      + `rate ${this.learningRate}. ${
        this.kept === null ? "Nothing was saved" : `The weights before that step are kept in ${this.kept}`
      }; lower the learning rate or the clip threshold, or look for extreme `
      + "weights in that step's sequences."
  }
}

/** Log-probs that are no numbers come from weights that are none, or from an overflow on the way. */
export const notNumbers = (operation: string, place: string): PolicyRequestError =>
  new PolicyRequestError({
    operation,
    place,
    problem: "has a log-prob that is not a number: the policy's weights hold NaN or infinity, or overflow in its type",
    remedy: "Check the checkpoint, and whether the training that made it diverged; or compute in float32."
  })
