"""Claims not tested, and what each needs."""

WAITING = {
    "K13": "needs the closed test server of ILSVRC, and the four of its six models that the paper does not name",
    "K30": "needs a detector that starts from one on COCO, which does not exist yet, and the test server of VOC 2012",
    "K31": "needs a reader of ImageNet DET, which does not exist yet, and its test server",
}  # by claim; a sentence with the id as its subject
