"""Training steps of PyTorch: forward, backward, clip by global norm, fused AdamW; eager or compiled, whole or LoRA."""

import torch
from serve import serve
from transformers import AutoModelForCausalLM


def prepare(job):
    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(job["checkpoint"], dtype=torch.float32)
    model.config.use_cache = False
    if "adapter" in job:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, job["adapter"], is_trainable=True)
    model.train()

    settings = job["optimiser"]
    trainable = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": [w for w in trainable if w.dim() > 1], "weight_decay": settings["weightDecay"]},
            {"params": [w for w in trainable if w.dim() == 1], "weight_decay": 0.0},
        ],
        lr=settings["learningRate"],
        betas=tuple(settings["betas"]),
        eps=settings["epsilon"],
        fused=True,
    )
    batches = [torch.tensor(batch) for batch in job["batches"]]

    def loss_of(tokens):
        logits = model(input_ids=tokens[:, :-1]).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    if job["compiled"]:
        loss_of = torch.compile(loss_of)

    taken = 0

    def step():
        nonlocal taken
        tokens = batches[taken % len(batches)]
        taken += 1
        loss = loss_of(tokens)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainable, settings["clip"])
        optimiser.step()
        optimiser.zero_grad()
        return loss.item()

    losses = [step() for _ in range(job["warmup"])]

    def repeat():
        for _ in range(job["steps"]):
            step()
        return job["steps"] * batches[0][:, 1:].numel()

    return {"losses": losses}, repeat


serve(prepare)
