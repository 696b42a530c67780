"""stub"""
def dry_run(settings):
    raise NotImplementedError
