"""PyTorch's data loader with processes of this package, by ``multiprocessing_context=``."""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader, Dataset

import processing


class Squares(Dataset):  # type: ignore[type-arg, misc]
    """Rows of a number's multiples, and the number's square."""

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.arange(4) * index, index**2


def main() -> None:
    """Add up all squares, in batches that two workers make."""
    loader = DataLoader(
        Squares(), batch_size=64, num_workers=2, multiprocessing_context=processing.get_context("forkserver")
    )
    total = 0
    for rows, squares in loader:
        assert torch.equal(rows[:, 1] ** 2, squares)
        total += int(squares.sum())
    print(total)


if __name__ == "__main__":
    main()
