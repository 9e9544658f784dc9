"""Sampling with transformers' generate, all prompts in one batch."""

import torch
from serve import serve
from transformers import AutoModelForCausalLM


def prepare(job):
    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(job["checkpoint"], dtype=torch.float32).eval()
    prompts = torch.tensor(job["prompts"])
    common = {"attention_mask": torch.ones_like(prompts), "cache_implementation": job["cache"]}

    @torch.inference_mode()
    def generate(**options):
        return model.generate(prompts, **common, **options)[:, prompts.shape[1] :]

    def sample():
        tokens = generate(
            max_new_tokens=job["newTokens"],
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            num_return_sequences=job["candidates"],
        )
        return tokens.numel()

    greedy = generate(max_new_tokens=job["greedyTokens"], do_sample=False).tolist()
    sample()
    return {"greedy": greedy}, sample


serve(prepare)
