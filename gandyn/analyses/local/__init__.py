"""What a dynamics does at a point: where it rests, how fast disturbances grow there, which way
it goes.
"""
