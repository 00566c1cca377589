"""FCN: the published network of He et al. 2024, parameter for parameter."""

from torch import nn

from models.inputs import fill, pad_to


def block(before, after):
    return nn.Sequential(
        nn.Conv1d(before, after, 3, padding=1),
        nn.ReLU(),
        nn.Conv1d(after, after, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool1d(2, ceil_mode=True),
    )


class FCN(nn.Module):
    """Four halving blocks; class scores of the last three are upsampled and added. Raw reflectance
    in.

    Missing months are filled in time and lengths padded to a multiple of 16 (the last month
    repeated, then cropped): both leave a complete series of 48 months as the published code has it.
    """

    def __init__(self, n_bands, n_classes, widths=(128, 256, 512, 1024)):
        super().__init__()
        self.layer1 = block(n_bands, widths[0])
        self.layer2 = block(widths[0], widths[1])
        self.layer3 = block(widths[1], widths[2])
        self.layer4 = block(widths[2], widths[3])
        self.score_1 = nn.Conv1d(widths[3], n_classes, 1)
        self.score_2 = nn.Conv1d(widths[2], n_classes, 1)
        self.score_3 = nn.Conv1d(widths[1], n_classes, 1)
        # The names count halvings in the 2D network these came from; here they double, double and
        # quadruple.
        self.upsampling_2x = nn.ConvTranspose1d(n_classes, n_classes, 4, 2, 1, bias=False)
        self.upsampling_4x = nn.ConvTranspose1d(n_classes, n_classes, 4, 2, 1, bias=False)
        self.upsampling_8x = nn.ConvTranspose1d(n_classes, n_classes, 6, 4, 1, bias=False)

    def forward(self, x):
        steps = x.shape[-1]
        x = pad_to(fill(x)[0], 16)
        quarter = self.layer2(self.layer1(x))  # (B, 256, T/4)
        eighth = self.layer3(quarter)  # (B, 512, T/8)
        sixteenth = self.layer4(eighth)  # (B, 1024, T/16)
        score = self.score_2(eighth) + self.upsampling_2x(self.score_1(sixteenth))
        score = self.score_3(quarter) + self.upsampling_4x(score)
        return self.upsampling_8x(score)[..., :steps]  # (B, K, T)
