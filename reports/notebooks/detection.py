# %% [markdown]
# <h2 id="detection" data-part="Detection">Tables 7 to 12 · Detection</h2>
#
# Nothing of section 4.3 and appendices A and B is built yet: it takes an task for detection (Faster R-CNN on ResNet-101, in
# the paper on 8 GPUs), PASCAL VOC 2007 and 2012, MS COCO and ImageNet DET; VOC 2012, test-dev and DET are scored by servers.

# %%
HTML(report.waiting_tables(range(7, 13)))
