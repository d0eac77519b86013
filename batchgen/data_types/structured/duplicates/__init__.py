"""Near-duplicates among the records of a job: which texts say nearly the same, and are no variants of one product.

Candidates by MinHash (`sketch`, `buckets`), scored (`similarity`), parted from variants (`variants`): `search`.
"""
