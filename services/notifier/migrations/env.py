from common.db import migrations
from notifier_service.models import Base

migrations.run("notifier", Base.metadata)
